// From the draft to the Schema: ids are given, expressions are bound, merge policies inferred, invariants
// listed.
//
// The order matters: types, then tables without their expressions, then defaults and keys, then views and
// routines in the order of the script (each sees the ones before it), then checks, which may call those
// routines, then the initial rows.
#pragma once

#include <memory>

#include "lib/catalog/draft.h"
#include "lib/catalog/names.h"
#include "lib/catalog/schema.h"
#include "lib/sql/bind.h"

namespace anabranch::catalog {

class Finisher {
  public:
    Finisher(Draft& draft, Reporter& reporter);
    std::shared_ptr<Schema> finish();

  private:
    // finish_types.cpp
    void types();
    std::shared_ptr<sql::Domain> domain(const DraftDomain& d);
    void domain_checks(const DraftDomain& d, sql::Domain& out);

    // finish.cpp
    void tables();
    void table(const DraftTable& d);
    void columns(const DraftTable& d, Table& t, sql::Relation& r);
    void hidden_key(Table& t, sql::Relation& r);
    void expressions(const DraftTable& d, Table& t);
    void check_identity(const DraftColumn& c, Column& column);

    // finish_constraints.cpp
    void keys(const DraftTable& d, Table& t, sql::Relation& r);
    void unique_index(const ast::CreateIndex& i, const DraftConstraint& c, const DraftTable& d, Table& t,
                      sql::Relation& r);
    void indexes(const DraftTable& d, Table& t);
    void checks(const DraftTable& d, Table& t);
    void domain_constraints(Table& t);
    void foreign_keys(const DraftTable& d, Table& t);
    void foreign_key(const ast::ForeignKey& f, const DraftConstraint& c, Table& t);
    bool parent_key(const ast::ForeignKey& f, const Table& parent, Span at, ForeignKey& out);
    void exclusions(const DraftTable& d, Table& t);
    void exclusion(const ast::Exclude& e, const DraftConstraint& c, const DraftTable& d, Table& t);

    // finish_objects.cpp
    void objects();
    void view(const DraftObject& o, const ast::CreateView& v);
    void assertion_view(const DraftObject& o, const std::string& name, sql::QueryPtr query, std::string text,
                        bool deferred);
    void create_assertion(const DraftObject& o, const ast::CreateAssertion& a);
    void inserts();

    // finish_routines.cpp
    void routine(const DraftObject& o, const ast::CreateRoutine& r);
    bool parameters(const DraftObject& o, const ast::CreateRoutine& r, Transaction& t,
                    sql::BindContext& context);
    Result<void> body(const ast::CreateRoutine& r, Transaction& t, sql::BindContext& context);
    Result<void> result(const ast::CreateRoutine& r, Transaction& t, sql::BindContext& context);
    Result<void> settings(const ast::CreateRoutine& r, Transaction& t);
    void sign(const Transaction& t);

    sql::BindContext context(const std::vector<std::string>& path) const;
    Column make_column(const DraftColumn& c);
    // The name of the merge.* domain a type is, or is made over; empty if none.
    std::string merge_domain(const DraftType& type) const;
    void declare_merge(const DraftColumn& c, Column& column);
    // A failed binding of something that only narrows what is promised: 0A000 and unknown functions become a
    // warning, the rest an error.
    void warn_or_fail(Error error, const std::string& what, const std::string& lost);
    void take_warnings(const sql::BindContext& context);
    std::vector<ColumnId> ids(const std::vector<std::string>& names, const Table& t) const;
    static std::vector<ColumnId> columns_read(const sql::ExprPtr& e);

    Draft& draft_;
    Reporter& reporter_;
    std::shared_ptr<Schema> schema_ = std::make_shared<Schema>();
    std::shared_ptr<CatalogNames> names_ = std::make_shared<CatalogNames>();
    std::vector<std::shared_ptr<sql::Domain>> domains_;  // by draft index
    std::vector<const DraftTable*> drafts_;              // by TableId
    std::vector<Invariant> assertions_;
};

// Policies of all columns and the identity of all tables, from the declared transactions. policy.cpp
void infer_policies(Schema& schema, Reporter& reporter);
// All invariants in report order. invariants.cpp
void list_invariants(Schema& schema, std::vector<Invariant> assertions, const Reporter& reporter);

}  // namespace anabranch::catalog
