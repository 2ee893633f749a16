#include "confluence/ad_hoc.h"

#include <algorithm>

#include "confluence/leeway.h"
#include "confluence/variant.h"
#include "confluence/walk.h"
#include "lib/catalog/load.h"

namespace anabranch::confluence {

namespace {

constexpr const char* statement_name = "anabranch_ad_hoc_statement";

Error refused(std::string detail) {
    return Error::make(
               sqlstate::feature_not_supported,
               "this statement is not among the declared transactions and would conflict with a free one")
        .with_detail(std::move(detail))
        .with_hint(
            "Declare it as a procedure in the schema file, and `anabranch check` will route all transactions "
            "accordingly.");
}

catalog::Transaction as_transaction(const catalog::BoundText& bound) {
    catalog::Transaction out;
    out.name = statement_name;
    out.body = {bound.statement};
    out.columns = bound.columns;
    for (std::uint32_t i = 0; i < bound.parameter_types.size(); ++i) {
        catalog::Parameter parameter;
        parameter.name = "p" + std::to_string(i + 1);
        parameter.type = bound.parameter_types[i];
        parameter.index = i;
        out.parameters.push_back(std::move(parameter));
    }
    return out;
}

// How columns merge and rows are identified, had the statement been declared.
struct Change {
    std::string column;     // one that would merge otherwise; empty: none
    bool identity = false;  // rows of a table would be known by their keys
};
Change change_by(const catalog::Schema& schema, const catalog::Transaction& statement) {
    const auto declared =
        changed_by(schema, [&](catalog::Schema& s) { s.transactions.push_back(statement); });
    Change out;
    for (std::size_t t = 0; t < schema.tables.size(); ++t) {
        const catalog::Table& table = schema.tables[t];
        out.identity |= table.identity != declared->tables[t].identity;
        for (std::size_t c = 0; c < table.columns.size(); ++c) {
            const auto before = table.columns[c].policy.merge;
            // A column that no transaction writes merges as a register whatever is written to it.
            if (before != catalog::Merge::immutable && before != declared->tables[t].columns[c].policy.merge)
                out.column = table.name + "." + table.columns[c].name;
        }
    }
    return out;
}

// Per table: whether each row that the statement makes has a key that only the system gives.
class MadeKeys : public Walker {
  public:
    explicit MadeKeys(const catalog::Schema& schema) : schema_(schema) {}
    bool always_made(TableId table, const catalog::UniqueKey& key) const {
        return std::all_of(inserts_.begin(), inserts_.end(), [&](const sql::Insert* insert) {
            return insert->table != table || std::any_of(key.columns.begin(), key.columns.end(),
                                                         [&](ColumnId c) { return is_made(*insert, c); });
        });
    }

  protected:
    void on_insert(const sql::Insert& insert) override { inserts_.push_back(&insert); }

  private:
    bool is_made(const sql::Insert& insert, ColumnId column) const {
        const catalog::Column& c = schema_.table(insert.table).columns[column.value];
        return c.hidden || (c.identity == catalog::Identity::always && !insert.overriding_system);
    }
    const catalog::Schema& schema_;
    std::vector<const sql::Insert*> inserts_;
};

// Nothing that anybody could write breaks an invariant together with the statement.
bool is_independent(const catalog::Schema& schema, const catalog::Transaction& statement,
                    const Touches& touches, const Touches& anything) {
    MadeKeys made(schema);
    for (const auto& each : statement.body) made.statement(*each);
    return std::none_of(
        schema.invariants.begin(), schema.invariants.end(), [&](const catalog::Invariant& invariant) {
            if (!may_break_together(schema, invariant, touches, anything)) return false;
            const auto* key = std::get_if<catalog::KeyInvariant>(&invariant.what);
            if (key == nullptr) return true;
            const Touch& touch = touches.at(invariant.table);
            const catalog::UniqueKey& columns = schema.table(invariant.table).keys[key->index];
            return !touch.columns.empty() || !made.always_made(invariant.table, columns);
        });
}

bool is_within(const Touch& touch, const Touch& leeway) {
    const auto within = [](const std::set<std::uint32_t>& some, const std::set<std::uint32_t>& all) {
        return std::includes(all.begin(), all.end(), some.begin(), some.end());
    };
    return (!touch.appear || leeway.appear) && (!touch.vanish || leeway.vanish) &&
           within(touch.columns, leeway.columns) && within(touch.derived, leeway.derived);
}

// One statement beside the declared transactions.
class Judgement {
  public:
    Judgement(const Report& report, Leeway& leeway, const catalog::Transaction& statement)
        : report_(report),
          leeway_(leeway),
          schema_(copy_of(*report.schema)),
          anything_(all_touches(*schema_)),
          index_(static_cast<std::uint32_t>(schema_->transactions.size())) {
        schema_->transactions.push_back(statement);
        list_again(*schema_);
        analysis_ = std::make_unique<smt::Analysis>(schema_, &leeway.analysis());
    }

    Result<catalog::Route> route() {
        const catalog::Transaction& statement = schema_->transactions[index_];
        const Change change = change_by(*report_.schema, statement);
        if (!change.column.empty())
            return fail(
                refused("It writes " + change.column + " in a way that would change how the column merges."));
        const Touches& touches = analysis_->touches[index_];
        for (const auto& [table, touch] : touches) {
            if (!is_within(touch, leeway_.in(table)))
                return fail(refused("It writes " + schema_->table(table).name +
                                    ", of which the proofs of free transactions need that nobody else "
                                    "does so: " +
                                    leeway_.who_needs(table) + "."));
        }
        bool free = !change.identity && is_independent(*schema_, statement, touches, anything_);
        for (std::uint32_t t = 0; t <= index_; ++t) {
            const bool must = t < index_ && report_.plan.transactions[t].route == catalog::Route::free;
            if ((!must && !free) || keeps_beside(t, change.identity)) continue;
            if (must)
                return fail(refused("Beside it, " + schema_->transactions[t].name +
                                    " could no longer run without coordination."));
            free = false;
        }
        return free ? catalog::Route::free : catalog::Route::ordered;
    }

  private:
    bool keeps_beside(std::uint32_t transaction, bool other_identity) {
        const auto invariants = obligations_of(*analysis_, transaction, index_);
        if (invariants.empty()) return true;
        if (other_identity) return false;
        // Most need no fact at all, and then not what the leeway is either.
        if (keep_together(*analysis_, transaction, index_, invariants, anything_)) return true;
        for (const std::uint32_t t : {transaction, index_})
            for (const auto& [table, use] : analysis_->access[t].tables) leeway_.in(table);
        for (const std::uint32_t i : invariants)
            for (const auto& [table, use] : analysis_->invariant_reads[i].tables) leeway_.in(table);
        return keep_together(*analysis_, transaction, index_, invariants, leeway_.writes_of_all());
    }

    const Report& report_;
    Leeway& leeway_;
    std::shared_ptr<catalog::Schema> schema_;
    const Touches anything_;
    std::uint32_t index_;
    std::unique_ptr<smt::Analysis> analysis_;
};

}  // namespace

AdHocRouter::AdHocRouter(Report report) : report_(std::move(report)) {}
AdHocRouter::~AdHocRouter() = default;

Result<catalog::Route> AdHocRouter::route_of(const std::string& statement,
                                             const std::vector<sql::Type>& parameter_types) {
    TRY(const auto bound, catalog::bind_in_unknown_zone(*report_.schema, statement, parameter_types));
    if (bound.statement == nullptr) return fail(refused("It cannot be analysed as a procedure."));
    if (!leeway_) leeway_ = std::make_unique<Leeway>(report_.schema, report_.plan);
    return Judgement(report_, *leeway_, as_transaction(bound)).route();
}

}  // namespace anabranch::confluence
