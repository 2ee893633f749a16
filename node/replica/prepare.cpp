#include "node/replica/prepare.h"

#include "lib/base/check.h"

namespace anabranch::replica {

namespace {

bool writes(const sql::Statement& statement);
bool writes(const std::vector<sql::Cte>& ctes) {
    for (const auto& cte : ctes)
        if (writes(*cte.statement)) return true;
    return false;
}
// Only a WITH at the top may write (PostgreSQL's rule, which binding enforces).
bool writes(const sql::Statement& statement) {
    if (const auto* query = std::get_if<sql::QueryPtr>(&statement.body))
        return writes(statement.ctes) || writes((*query)->ctes);
    return true;
}

// A statement that computes a call's arguments: SELECT a1, a2, ...
sql::StatementPtr argument_query(const std::vector<sql::ExprPtr>& arguments) {
    auto query = std::make_shared<sql::Query>();
    query->targets = arguments;
    for (const auto& argument : arguments) query->columns.push_back({"", argument->type, {}, 0});
    auto statement = std::make_shared<sql::Statement>();
    statement->columns = query->columns;
    statement->body = sql::QueryPtr(std::move(query));
    return statement;
}

// The value that a domain's conditions are about, where the call looks at them itself before anything else.
const sql::ExprPtr& without_domain(const sql::ExprPtr& argument, std::size_t number,
                                   const catalog::Transaction& transaction) {
    const auto* check = std::get_if<sql::DomainCheck>(&argument->node);
    if (check == nullptr) return argument;
    for (const auto& parameter : transaction.parameters)
        if (parameter.index == number && parameter.mode != catalog::Parameter::Mode::out &&
            parameter.domain == check->domain)
            return check->arg;
    return argument;
}

bool take_simple(const std::vector<sql::ExprPtr>& arguments, const catalog::Transaction& transaction,
                 std::vector<Runnable::Argument>& out, bool& in_domains) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& argument = without_domain(arguments[i], i, transaction);
        in_domains = in_domains || argument != arguments[i];
        Runnable::Argument simple;
        if (const auto* parameter = std::get_if<sql::Param>(&argument->node)) {
            simple.parameter = static_cast<std::int32_t>(parameter->index);
        } else if (const auto* constant = std::get_if<sql::Const>(&argument->node)) {
            simple.constant = *constant;
            simple.storage = sql::storage_of(argument->type);
        } else {
            return false;
        }
        out.push_back(std::move(simple));
    }
    return true;
}

}  // namespace

exec::CompiledPtr Preparer::body_of(std::uint32_t transaction) {
    auto& body = bodies_[transaction];
    if (body == nullptr) body = exec::compile(state_.schema, state_.schema->transactions[transaction]);
    return body;
}

Result<void> Preparer::prepare_call(Runnable& runnable, const catalog::BoundText::CallOf& call) {
    const auto& transaction = state_.schema->transactions[call.transaction];
    if (transaction.skipped)
        return fail(Error::make(sqlstate::feature_not_supported,
                                transaction.display() + " cannot be run here: " + *transaction.skipped));
    runnable.transaction = call.transaction;
    runnable.as_rows = call.as_rows || !transaction.is_procedure;
    runnable.writes = !transaction.read_only;
    runnable.route = state_.plan.transactions[call.transaction].route;
    runnable.compiled = body_of(call.transaction);
    runnable.asks_session = exec::asks_session(*runnable.compiled);
    // One that is run elsewhere is refused here, before it is sent, if its arguments are outside their
    // domains.
    const bool here = runnable.route != catalog::Route::ordered;
    bool in_domains = false;
    const bool simple = take_simple(call.arguments, transaction, runnable.simple_arguments, in_domains);
    if (!simple) runnable.simple_arguments.clear();
    if (!simple || (in_domains && !here))
        runnable.arguments = exec::compile(state_.schema, argument_query(call.arguments));
    return {};
}

Result<RunnablePtr> Preparer::prepare(std::string_view text, std::span<const sql::Type> types) {
    auto runnable = std::make_shared<Runnable>();
    runnable->text = text;
    TRY(auto bound, catalog::bind_text(*state_.schema, text, types));
    runnable->bound = std::make_shared<const catalog::BoundText>(std::move(bound));
    if (runnable->bound->call) {
        TRY_VOID(prepare_call(*runnable, *runnable->bound->call));
        return runnable;
    }
    CHECK(runnable->bound->statement != nullptr);
    runnable->writes = writes(*runnable->bound->statement);
    runnable->route = catalog::Route::read_only;
    if (runnable->writes) {
        if (analyst_ == nullptr)
            return fail(Error::make(sqlstate::feature_not_supported,
                                    "ad-hoc writes are not available: this node runs without the checker")
                            .with_hint("Declare the write as a procedure in the schema file."));
        TRY(runnable->route, analyst_->route_of(runnable->text, runnable->bound->parameter_types));
    }
    runnable->compiled = exec::compile(state_.schema, runnable->bound->statement);
    runnable->asks_session = exec::asks_session(*runnable->compiled);
    return runnable;
}

Result<RunnablePtr> Preparer::of_transaction(const std::string& name) {
    auto& known = by_name_[name];
    if (known != nullptr) return known;
    for (std::uint32_t i = 0; i < state_.schema->transactions.size(); ++i) {
        if (state_.schema->transactions[i].name != name) continue;
        auto runnable = std::make_shared<Runnable>();
        auto bound = std::make_shared<catalog::BoundText>();
        bound->columns = state_.schema->transactions[i].columns;
        runnable->bound = std::move(bound);
        runnable->text = name;
        catalog::BoundText::CallOf call;
        call.transaction = i;
        TRY_VOID(prepare_call(*runnable, call));
        return known = runnable;
    }
    return fail(sqlstate::undefined_function, "procedure " + name + " does not exist");
}

}  // namespace anabranch::replica
