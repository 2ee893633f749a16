#include <algorithm>
#include <variant>

#include "confluence/smt/call.h"
#include "confluence/walk.h"
#include "lib/sql/bind_describe.h"
#include "lib/sql/bind_walk.h"

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

// Whether a query refers to nothing around it: wherever it stands, it has the same rows.
class Closed : public Walker {
  public:
    bool of(const Query& query) {
        depth_ = 0;
        closed_ = true;
        this->query(query);
        return closed_;
    }

  protected:
    void on_query(const Query&) override { ++depth_; }
    void after_query(const Query&) override { --depth_; }
    void on_node(const Expr& e) override {
        const auto* ref = std::get_if<ColumnRef>(&e.node);
        if (ref != nullptr && ref->level >= depth_) closed_ = false;
        const auto* call = std::get_if<sql::Call>(&e.node);
        if (call != nullptr && (call->func == Func::random || call->func == Func::gen_random_uuid ||
                                call->func == Func::clock_timestamp))
            closed_ = false;
    }
    void on_opaque(const Rel&) override { closed_ = false; }
    void on_insert(const Insert&) override { closed_ = false; }
    void on_update(const Update&) override { closed_ = false; }
    void on_delete(const Delete&) override { closed_ = false; }

  private:
    std::uint32_t depth_ = 0;
    bool closed_ = true;
};

class Counter : public Walker {
  public:
    Counter(const catalog::Schema& schema, Demand& demand) : schema_(schema), demand_(demand) {}
    void next_statement() {
        for (const TableId table : written_) ++versions_[table];
        if (moved_rows_) known_.clear();
        written_.clear();
        moved_rows_ = false;
    }
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
    void on_rows(TableId table) override {
        if (repeated_ == 0) ++witnesses_[table];
    }
    // A query that was there before, on the same rows, reads what it read then.
    void on_query(const Query& query) override {
        if (repeated_ > 0 || again(query)) ++repeated_;
    }
    void after_query(const Query&) override {
        if (repeated_ > 0) --repeated_;
    }
    void on_insert(const Insert& insert) override {
        moved_rows_ = true;
        if (schema_.table(insert.table).identity != catalog::RowIdentity::per_key) return;
        std::uint32_t rows = 1;
        if (insert.source && !insert.source->values.empty())
            rows = static_cast<std::uint32_t>(insert.source->values.size());
        if (insert.source && !insert.source->rels.empty()) rows = 2;
        keyed_[insert.table] += rows;
    }
    void on_update(const Update& update) override {
        written_.insert(update.table);
        const auto& key = schema_.table(update.table).keys[0].columns;
        for (const Assignment& a : update.assignments)
            moved_rows_ |= std::find(key.begin(), key.end(), a.column) != key.end();
        pin(update.table, update.where);
    }
    void on_delete(const Delete& remove) override {
        moved_rows_ = true;
        pin(remove.table, remove.where);
    }

  private:
    bool again(const Query& query) {
        if (!Closed().of(query)) return false;
        class Tables : public Walker {
          public:
            std::vector<TableId> found;

          protected:
            void on_rows(TableId table) override { found.push_back(table); }
        } tables;
        tables.query(query);
        std::string text = describe(QueryPtr(QueryPtr(), &query));
        for (const TableId table : tables.found)
            text += "@" + std::to_string(table.value) + "." + std::to_string(versions_[table]);
        // A function without a name of its own is written "?".
        return text.find("?(") == std::string::npos && !known_.insert(std::move(text)).second;
    }
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
    // Closed queries met so far, with the number of updates of their tables before; none from before rows
    // came or went.
    std::set<std::string> known_;
    std::map<TableId, std::uint32_t> versions_;
    std::set<TableId> written_;  // by the present statement
    bool moved_rows_ = false;
    std::uint32_t repeated_ = 0;  // depth within a query that is known
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
    for (const auto& statement : transaction.body) {
        counter.statement(*statement);
        counter.next_statement();
    }
    counter.finish();
    return demand;
}

}  // namespace anabranch::confluence::smt
