#include <algorithm>
#include <variant>

#include "confluence/smt/call.h"
#include "confluence/walk.h"

namespace anabranch::confluence::smt {

using namespace sql;

namespace {

constexpr std::uint32_t WITNESSES_MAX = 4;  // per table and call: more are left to the rest

std::string pin_text(const Expr& e, const std::string& path) {
    const Expr* at = &e;
    while (const auto* inner = std::get_if<Cast>(&at->node)) at = inner->arg.get();
    if (const auto* param = std::get_if<Param>(&at->node)) return "$" + std::to_string(param->index);
    if (const auto* constant = std::get_if<Const>(&at->node))
        return "'" + std::to_string(constant->integer) + constant->bytes + "'";
    return path;
}

class Counter : public Walker {
  public:
    Counter(const catalog::Schema& schema, Demand& demand) : schema_(schema), demand_(demand) {}
    void finish() {
        for (const auto& [table, pins] : pins_)
            demand_.base[table] += static_cast<std::uint32_t>(pins.size());
        for (const auto& [table, count] : witnesses_) {
            demand_.base[table] += std::min(count, WITNESSES_MAX);
            demand_.reads_fit = demand_.reads_fit && count <= WITNESSES_MAX;
        }
        for (const auto& [table, count] : keyed_) demand_.base[table] += count;
    }

  protected:
    void on_rows(TableId table) override { ++witnesses_[table]; }
    void on_insert(const Insert& insert) override {
        if (schema_.table(insert.table).identity != catalog::RowIdentity::per_key) return;
        std::uint32_t rows = 1;
        if (insert.source && !insert.source->values.empty())
            rows = static_cast<std::uint32_t>(insert.source->values.size());
        if (insert.source && !insert.source->rels.empty()) rows = 2;
        keyed_[insert.table] += rows;
    }
    void on_update(const Update& update) override { pin(update.table, update.where); }
    void on_delete(const Delete& remove) override { pin(remove.table, remove.where); }

  private:
    void pin(TableId table, const ExprPtr& where) {
        const std::string text = pin_of(schema_.table(table), where, std::to_string(++number_));
        if (text.empty()) {
            demand_.sets.insert(table);
        } else {
            pins_[table].insert(text);
        }
    }

    const catalog::Schema& schema_;
    Demand& demand_;
    std::map<TableId, std::set<std::string>> pins_;
    std::map<TableId, std::uint32_t> witnesses_, keyed_;
    std::uint32_t number_ = 0;
};

}  // namespace

std::string pin_of(const catalog::Table& table, const ExprPtr& where, const std::string& path) {
    const std::vector<ExprPtr> parts = conjuncts(where);
    for (std::size_t k = 0; k < table.keys.size(); ++k) {
        const catalog::UniqueKey& key = table.keys[k];
        if (key.predicate || !key.expressions.empty()) continue;
        std::string text = std::to_string(k);
        bool all = true;
        for (ColumnId c : key.columns) {
            bool found = false;
            for (const ExprPtr& part : parts) {
                const auto* call = std::get_if<sql::Call>(&part->node);
                if (call == nullptr || call->func != Func::eq) continue;
                for (std::size_t side = 0; side < 2 && !found; ++side) {
                    const Expr* at = call->args[side].get();
                    const auto* ref = std::get_if<ColumnRef>(&at->node);
                    if (ref == nullptr || ref->level != 0 || ref->rel != 0 || ref->column != c.value)
                        continue;
                    if (rels_of(*call->args[1 - side]) != 0) continue;
                    text += "=" + pin_text(*call->args[1 - side], path);
                    found = true;
                }
                if (found) break;
            }
            all = all && found;
        }
        if (all && !key.columns.empty()) return text;
    }
    return {};
}

Demand demand_of(const catalog::Schema& schema, const catalog::Transaction& transaction) {
    Demand demand;
    Counter counter(schema, demand);
    for (const auto& statement : transaction.body) counter.statement(*statement);
    counter.finish();
    return demand;
}

}  // namespace anabranch::confluence::smt
