#include "tests/unit/exec/shell.h"

#include <algorithm>
#include <stdexcept>

#include "lib/exec/schema_plans.h"
#include "lib/sql/value.h"

namespace anabranch::test {

using sql::Datum;

namespace {

// Rows as text, one line each.
class Lines final : public exec::RowSink {
  public:
    Lines(const std::vector<sql::OutputColumn>& columns, const sql::EnumLabels* labels)
        : columns_(columns), labels_(labels) {}
    bool row(std::span<const Datum> values) override {
        std::string line;
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (i > 0) line += '|';
            if (!values[i].is_null()) sql::print_text(columns_[i].type, values[i], line, labels_);
        }
        lines.push_back(std::move(line));
        return true;
    }
    std::vector<std::string> lines;

  private:
    const std::vector<sql::OutputColumn>& columns_;
    const sql::EnumLabels* labels_;
};

class Values final : public exec::RowSink {
  public:
    bool row(std::span<const Datum> row) override {
        values.assign(row.begin(), row.end());
        return true;
    }
    std::vector<Datum> values;
};

std::string upper_words(const std::string& text) {
    std::string out;
    for (const char c : text) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

std::string join(std::vector<std::string> lines, bool sorted) {
    if (!sorted) std::sort(lines.begin(), lines.end());
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
}

std::string text_of(const Error& error) {
    std::string out = "ERROR " + error.sqlstate + ": " + error.message + "\n";
    if (!error.detail.empty()) out += "DETAIL: " + error.detail + "\n";
    if (!error.hint.empty()) out += "HINT: " + error.hint + "\n";
    return out;
}

std::string tag(const exec::StatementResult& result) {
    using Kind = exec::StatementResult::Kind;
    switch (result.kind) {
        case Kind::insert:
            return "INSERT " + std::to_string(result.rows) + "\n";
        case Kind::update:
            return "UPDATE " + std::to_string(result.rows) + "\n";
        case Kind::delete_:
            return "DELETE " + std::to_string(result.rows) + "\n";
        case Kind::merge:
            return "MERGE " + std::to_string(result.rows) + "\n";
        case Kind::call:
            return "CALL\n";
        case Kind::select:
            break;
    }
    return {};
}

}  // namespace

Shell::Shell(const std::string& schema_text) {
    const catalog::ScriptFile file{"test.sql", schema_text};
    catalog::Loaded loaded = catalog::load({&file, 1});
    if (loaded.schema == nullptr) throw std::runtime_error(loaded.rendered_errors);
    schema_ = loaded.schema;
    store_ = std::make_unique<MemoryStore>(schema_);
    run_ = std::make_unique<exec::TransactionRun>(schema_, *store_, origin_);
    for (const sql::StatementPtr& statement : schema_->initial) {
        const auto done = run_->run(*exec::compile(schema_, statement), {}, nullptr);
        if (!done) throw std::runtime_error(text_of(done.error()));
        if (const std::string problem = finish(); !problem.empty()) throw std::runtime_error(problem);
    }
}

std::string Shell::finish() {
    const auto writes = run_->finish();
    std::string out;
    if (writes) {
        described_ = describe(**writes);
        store_->apply(**writes);
    } else {
        out = text_of(writes.error());
    }
    run_->reset();
    return out;
}

std::string Shell::execute(const std::string& statement) {
    const std::string word = upper_words(statement);
    described_.clear();
    if (word == "BEGIN") {
        block_ = true;
        failed_ = false;
        return "BEGIN\n";
    }
    if (word == "ROLLBACK" || (word == "COMMIT" && failed_)) {
        run_->reset();
        block_ = failed_ = false;
        return "ROLLBACK\n";
    }
    if (word == "COMMIT") {
        block_ = false;
        const std::string problem = finish();
        return problem.empty() ? "COMMIT\n" : problem;
    }
    const Result<std::string> answer = run(statement);
    if (!answer) {
        if (block_)
            failed_ = true;
        else
            run_->reset();
        return text_of(answer.error());
    }
    if (block_) return *answer;
    const std::string problem = finish();
    return problem.empty() ? *answer : problem;
}

Result<std::string> Shell::run(const std::string& text) {
    TRY(const catalog::BoundText bound, catalog::bind_text(*schema_, text));
    if (bound.call) return call(bound);
    const exec::CompiledPtr compiled = exec::compile(schema_, bound.statement);
    Lines lines(bound.columns, &exec::plans_of(*schema_));
    TRY(const exec::StatementResult result, run_->run(*compiled, {}, &lines));
    const bool ordered = upper_words(text).find("ORDER BY") != std::string::npos;
    return join(lines.lines, ordered) + (bound.columns.empty() ? tag(result) : "");
}

Result<std::string> Shell::call(const catalog::BoundText& bound) {
    const catalog::Transaction& transaction = schema_->transactions[bound.call->transaction];
    Values arguments;
    const exec::CompiledPtr list =
        exec::compile(schema_, bound.call->arguments);  // keeps the bytes of constants
    TRY_VOID(run_->run(*list, {}, &arguments));
    Lines lines(transaction.columns, &exec::plans_of(*schema_));
    TRY(const exec::StatementResult result,
        run_->run(*exec::compile(schema_, transaction), arguments.values, &lines));
    return join(lines.lines, true) + (transaction.columns.empty() ? tag(result) : "");
}

std::string Shell::explain(const std::string& statement) {
    const auto bound = catalog::bind_text(*schema_, statement);
    if (!bound) return text_of(bound.error());
    if (bound->call)
        return exec::explain(*exec::compile(schema_, schema_->transactions[bound->call->transaction]));
    return exec::explain(*exec::compile(schema_, bound->statement));
}

std::string Shell::writes(const std::string& statement) {
    const std::string answer = execute(statement);
    return answer.starts_with("ERROR") ? answer : described_;
}

std::vector<std::string> Shell::violations() {
    std::vector<std::string> out;
    for (const exec::Violation& violation : exec::find_violations(*schema_, *store_)) {
        std::string line = schema_->invariants[violation.invariant].name + ":";
        for (const std::string& row : violation.rows) line += " " + row;
        out.push_back(line);
    }
    return out;
}

std::string Shell::describe(const exec::WriteSet& writes) const {
    const exec::SchemaPlans& plans = exec::plans_of(*schema_);
    std::string out;
    for (const exec::RowWrite& write : writes.rows) {
        const catalog::Table& table = schema_->table(write.table);
        const exec::RowView row(write.row, &plans.table(write.table).layout);
        out += table.display();
        if (write.deleted) out += " deleted";
        if (write.inserted) out += write.created ? " created" : " touched";
        if (write.claims) out += " claims";
        for (const auto& column : write.columns) {
            out += " " + table.columns[column.column].name;
            using Op = exec::RowWrite::Op;
            const char* names[] = {"=", "+=", " raised to ", " lowered to ", " initially "};
            out += names[static_cast<int>(column.op)];
            if (column.op == Op::add) {
                out += std::to_string(column.amount);
                continue;
            }
            const Datum value = row.get(column.column);
            if (value.is_null())
                out += "null";
            else
                sql::print_text(table.columns[column.column].type, value, out, &plans);
            if (column.op == Op::initial && column.amount != 0)
                out += " with " + std::to_string(column.amount);
        }
        out += "\n";
    }
    return out;
}

}  // namespace anabranch::test
