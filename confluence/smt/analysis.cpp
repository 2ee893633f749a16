#include "confluence/smt/analysis.h"

#include "confluence/smt/call.h"
#include "confluence/smt/invariant.h"
#include "confluence/smt/term.h"
#include "confluence/walk.h"

namespace anabranch::confluence::smt {

namespace {

class ConstantWalker : public Walker {
  public:
    explicit ConstantWalker(Constants& constants) : constants_(constants) {}

  protected:
    void on_node(const sql::Expr& e) override {
        const auto* constant = std::get_if<sql::Const>(&e.node);
        if (constant != nullptr && !constant->null && sql::storage_of(e.type) == sql::Storage::bytes)
            constants_.add(constant->bytes);
    }

  private:
    Constants& constants_;
};

class PlainInserts : public Walker {
  public:
    explicit PlainInserts(std::set<TableId>& tables) : tables_(tables) {}

  protected:
    void on_insert(const sql::Insert& insert) override {
        if (insert.on_conflict.action == sql::ConflictAction::none) tables_.insert(insert.table);
    }

  private:
    std::set<TableId>& tables_;
};

std::uint32_t rows_of_call(const catalog::Schema& schema, const catalog::Transaction& transaction) {
    std::uint32_t rows = 0;
    for (const auto& [table, count] : demand_of(schema, transaction).base) rows += count;
    return rows;
}

}  // namespace

void Lane::open() {
    if (!context) context = std::make_shared<SolverContext>();
}

Analysis::Analysis(catalog::SchemaPtr schema, const Analysis* lender)
    : schema_(std::move(schema)), constants_(std::make_unique<Constants>()) {
    if (lender != nullptr) lane_.context = lender->lane_.context;
    lane_.open();
    ConstantWalker walker(*constants_);
    PlainInserts plain(claimed);
    for (const catalog::Transaction& t : schema_->transactions) {
        const bool runs = !t.skipped;
        access.push_back(runs ? access_of(t) : Access{});
        touches.push_back(runs ? touches_of(*schema_, access.back()) : Touches{});
        rows_needed.push_back(runs ? rows_of_call(*schema_, t) : 0);
        for (const auto& statement : t.body) walker.statement(*statement);
        if (runs) {
            for (const auto& statement : t.body) plain.statement(*statement);
        }
    }
    for (const Touches& each : touches) add_touches(touched, each);
    for (const auto& statement : schema_->initial) walker.statement(*statement);
    for (const catalog::Table& table : schema_->tables) {
        for (const auto& check : table.checks) walker.over_row(table.id, check.condition);
        for (const auto& column : table.columns) {
            if (column.default_value) walker.over_row(table.id, column.default_value);
            if (column.generated) walker.over_row(table.id, column.generated);
        }
        for (const auto& key : table.keys) {
            if (key.predicate) walker.over_row(table.id, key.predicate);
            for (const auto& e : key.expressions) walker.over_row(table.id, e);
        }
        for (const auto& exclusion : table.exclusions) {
            if (exclusion.predicate) walker.over_row(table.id, exclusion.predicate);
            for (const auto& part : exclusion.parts) walker.over_row(table.id, part.expression);
        }
    }
    for (const auto& domain : schema_->domains) {
        for (const auto& check : domain->checks) walker.expression(check.condition);
    }
    for (const catalog::Invariant& invariant : schema_->invariants) {
        invariant_reads.push_back(access_of(*schema_, invariant));
        violation_rows.push_back(rows_of_violation(*schema_, invariant));
        if (const auto* assertion = std::get_if<catalog::AssertionInvariant>(&invariant.what))
            walker.query(*assertion->violations);
    }
    constants_->seal();
}

Analysis::~Analysis() = default;

}  // namespace anabranch::confluence::smt
