#include "lib/exec/builder.h"
#include "lib/exec/compiled.h"

namespace anabranch::exec {

namespace {

std::shared_ptr<Compiled> begin(catalog::SchemaPtr schema) {
    auto out = std::make_shared<Compiled>();
    out->plans = &plans_of(*schema);
    out->schema = std::move(schema);
    return out;
}

Compiled::Answer answer_of(const catalog::Transaction& transaction) {
    if (transaction.columns.empty()) return Compiled::Answer::none;
    if (transaction.is_procedure) return Compiled::Answer::one;
    return transaction.returns_set ? Compiled::Answer::rows : Compiled::Answer::one_or_null;
}

}  // namespace

CompiledPtr compile(catalog::SchemaPtr schema, sql::StatementPtr statement) {
    auto out = begin(std::move(schema));
    Builder builder(*out->plans, out->program);
    out->statements.push_back(builder.statement(*statement));
    out->width = out->statements.front().width;
    return out;
}

CompiledPtr compile(catalog::SchemaPtr schema, const std::vector<sql::ExprPtr>& expressions) {
    auto query = std::make_shared<sql::Query>();
    for (const sql::ExprPtr& e : expressions) {
        query->targets.push_back(e);
        query->columns.push_back({{}, e->type, {}, 0});
    }
    auto statement = std::make_shared<sql::Statement>();
    statement->columns = query->columns;
    statement->body = sql::QueryPtr(std::move(query));
    return compile(std::move(schema), std::move(statement));
}

CompiledPtr compile(catalog::SchemaPtr schema, const catalog::Transaction& transaction) {
    auto out = begin(std::move(schema));
    out->call = true;
    Builder builder(*out->plans, out->program);
    for (const catalog::Parameter& parameter : transaction.parameters) {
        if (parameter.domain == nullptr || parameter.mode == catalog::Parameter::Mode::out) continue;
        auto value = std::make_shared<sql::Expr>();
        value->type = parameter.type;
        value->node = sql::Param{parameter.index};
        auto check = std::make_shared<sql::Expr>();
        check->type = parameter.type;
        check->node = sql::DomainCheck{value, parameter.domain};
        out->parameter_checks.push_back(builder.expr(check));
    }
    for (const sql::StatementPtr& statement : transaction.body)
        out->statements.push_back(builder.statement(*statement));
    out->answer = answer_of(transaction);
    out->width = static_cast<std::uint32_t>(transaction.columns.size());
    out->answers = out->statements.size();
    if (out->answer != Compiled::Answer::none)
        for (std::size_t i = 0; i < out->statements.size(); ++i)
            if (out->statements[i].width > 0) out->answers = i;
    return out;
}

bool asks_session(const Compiled& compiled) {
    return compiled.program.asks_session || compiled.plans->asks_session;
}

}  // namespace anabranch::exec
