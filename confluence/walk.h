// Walks the IR with its scopes, so that a column reference is met as (table, column). One place knows how
// levels are counted (lib/sql/ir.h).
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "lib/base/ids.h"
#include "lib/sql/ir.h"

namespace anabranch::confluence {

// What a walk tells. The default of each does nothing.
class Walker {
  public:
    virtual ~Walker() = default;

    void statement(const sql::Statement& statement);
    void query(const sql::Query& query);
    // An expression whose scope has one rel, a row of `table`: CHECKs, keys, defaults.
    void over_row(TableId table, const sql::ExprPtr& expression);
    // An expression without a scope of its own (a default of a parameter, LIMIT of nothing).
    void expression(const sql::ExprPtr& expression);

  protected:
    virtual void on_column(TableId, std::uint32_t /*column*/) {}
    // Rows of a stored table are read (FROM), apart from the target of an UPDATE or DELETE.
    virtual void on_rows(TableId) {}
    virtual void on_node(const sql::Expr&) {}
    // Around the walk of a query: what it reads is told in between.
    virtual void on_query(const sql::Query&) {}
    virtual void after_query(const sql::Query&) {}
    // Something that has no stored counterpart: a recursive or data-modifying CTE read in FROM, a table
    // function, a virtual table.
    virtual void on_opaque(const sql::Rel&) {}
    // Around each writing statement, its CTEs' included.
    virtual void on_insert(const sql::Insert&) {}
    virtual void on_update(const sql::Update&) {}
    virtual void on_delete(const sql::Delete&) {}

    // 0 outside any writing statement.
    std::uint32_t writing_depth() const { return writing_; }

  private:
    struct Scope {
        const std::vector<sql::Rel>* rels = nullptr;
        TableId row;  // when rels is null and has_row is set
        bool has_row = false;
        std::uint32_t rows = 1;  // how many rels show a row of `row` (2 in ON CONFLICT)
    };
    void rels(const std::vector<sql::Rel>& rels);
    void from(const std::vector<sql::FromItem>& items);
    void from_item(const sql::FromItem& item);
    void ctes(const std::vector<sql::Cte>& ctes);
    void list(const std::vector<sql::ExprPtr>& expressions);
    void aggregate(const sql::Aggregate& aggregate);
    void node(const sql::Expr& expression);
    void insert(const sql::Insert& insert);
    void update(const sql::Update& update);
    void remove(const sql::Delete& remove);

    std::vector<Scope> scopes_;
    std::uint32_t writing_ = 0;
};

// The numbers of the parameters that are used.
class UsedParameters : public Walker {
  public:
    std::set<std::uint32_t> used;

  protected:
    void on_node(const sql::Expr& e) override {
        if (const auto* param = std::get_if<sql::Param>(&e.node)) used.insert(param->index);
    }
};

// Which rels of the scope around `e` it refers to, as a bit set (rels from 63 on share the last bit).
// `has_subquery` is set, never cleared.
std::uint64_t rels_of(const sql::Expr& e, bool* has_subquery = nullptr);

}  // namespace anabranch::confluence
