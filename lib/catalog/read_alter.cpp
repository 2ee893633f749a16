// ALTER TABLE, DROP and RENAME on the draft.
#include <algorithm>

#include "lib/base/overload.h"
#include "lib/catalog/draft.h"

namespace anabranch::catalog {

namespace {

bool has(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool mentions(const DraftConstraint& c, const DraftTable& table, const std::string& column) {
    return std::visit(
        Overload{
            [&](const ast::Check& n) { return has(columns_in(n.condition, table), column); },
            [&](const ast::Key& n) { return has(n.columns, column); },
            [&](const ast::ForeignKey& n) { return has(n.columns, column); },
            [&](const ast::Exclude& n) {
                return std::any_of(n.elements.begin(), n.elements.end(), [&](const ast::ExcludeElement& e) {
                    return e.element.column == column ||
                           (e.element.expr && has(columns_in(*e.element.expr, table), column));
                });
            },
            [&](const ast::CreateIndex& n) {
                return std::any_of(n.elements.begin(), n.elements.end(), [&](const ast::IndexElement& e) {
                    return e.column == column || (e.expr && has(columns_in(*e.expr, table), column));
                });
            }},
        c.node);
}

void forget(Draft& draft, const DraftTable& table, const DraftConstraint& c) {
    draft.constraint_names.erase({table.schema, c.name});
    if (!std::holds_alternative<ast::Check>(c.node) && !std::holds_alternative<ast::ForeignKey>(c.node))
        draft.relation_names.erase({table.schema, c.name});
}

// Foreign keys of other tables that point at a table (or at the columns of a dropped key) go with CASCADE.
void drop_references(Draft& draft, const DraftTable& gone, const std::string& column) {
    for (DraftTable& t : draft.tables) {
        std::erase_if(t.constraints, [&](const DraftConstraint& c) {
            const auto* fk = std::get_if<ast::ForeignKey>(&c.node);
            if (fk == nullptr || fk->table.name != gone.name ||
                (!fk->table.schema.empty() && fk->table.schema != gone.schema))
                return false;
            if (!column.empty() && !has(fk->referenced, column)) return false;
            forget(draft, t, c);
            return true;
        });
    }
}

void rename_in(std::vector<std::string>& names, const std::string& from, const std::string& to) {
    std::replace(names.begin(), names.end(), from, to);
}

void rename_in_elements(std::vector<ast::IndexElement>& elements, const std::string& from,
                        const std::string& to) {
    for (ast::IndexElement& e : elements) {
        if (e.column == from) e.column = to;
        if (e.expr) rename_column_in(*e.expr, from, to);
    }
}

void rename_column(Draft& draft, DraftTable& table, const std::string& from, const std::string& to) {
    for (DraftConstraint& c : table.constraints)
        std::visit(Overload{[&](ast::Check& n) { rename_column_in(n.condition, from, to); },
                            [&](ast::Key& n) { rename_in(n.columns, from, to); },
                            [&](ast::ForeignKey& n) {
                                rename_in(n.columns, from, to);
                                rename_in(n.set_columns, from, to);
                            },
                            [&](ast::Exclude& n) {
                                for (ast::ExcludeElement& e : n.elements) {
                                    if (e.element.column == from) e.element.column = to;
                                    if (e.element.expr) rename_column_in(*e.element.expr, from, to);
                                }
                                if (n.where) rename_column_in(*n.where, from, to);
                            },
                            [&](ast::CreateIndex& n) {
                                rename_in_elements(n.elements, from, to);
                                if (n.where) rename_column_in(*n.where, from, to);
                            }},
                   c.node);
    for (ast::CreateIndex& i : table.indexes) rename_in_elements(i.elements, from, to);
    for (DraftColumn& c : table.columns) {
        if (c.generated) rename_column_in(*c.generated, from, to);
        if (c.name == from) c.name = to;
    }
    for (DraftTable& other : draft.tables)
        for (DraftConstraint& c : other.constraints)
            if (auto* fk = std::get_if<ast::ForeignKey>(&c.node);
                fk != nullptr && fk->table.name == table.name)
                rename_in(fk->referenced, from, to);
}

class Alteration {
  public:
    Alteration(DraftTable& table, Draft& draft, Reporter& reporter)
        : table_(table), draft_(draft), reporter_(reporter) {}

    void apply(const ast::AlterAction& action) {
        at_ = action.span;
        std::visit([&](const auto& n) { one(n); }, action.node);
    }

  private:
    DraftColumn* column(const std::string& name, bool if_exists = false) {
        DraftColumn* c = table_.find(name);
        if (c == nullptr && !if_exists)
            reporter_.error(Error::make(sqlstate::undefined_column, "column \"" + name + "\" of relation \"" +
                                                                        table_.name + "\" does not exist")
                                .with_span(at_));
        return c;
    }
    DraftConstraint* constraint(const std::string& name, bool if_exists) {
        for (DraftConstraint& c : table_.constraints)
            if (c.name == name) return &c;
        if (!if_exists)
            reporter_.error(
                Error::make(sqlstate::undefined_object,
                            "constraint \"" + name + "\" of relation \"" + table_.name + "\" does not exist")
                    .with_span(at_));
        return nullptr;
    }
    void one(const ast::AddColumn& n) {
        if (n.if_not_exists && table_.find(n.column.name) != nullptr) return;
        std::vector<ast::Constraint> later;
        add_column(n.column, table_, draft_, reporter_, later);
        for (const ast::Constraint& c : later) add_constraint(c, table_, draft_, reporter_);
    }
    void one(const ast::DropColumn& n) {
        if (column(n.column, n.if_exists) == nullptr) return;
        draft_.renamed = true;
        drop_references(draft_, table_, n.column);
        std::erase_if(table_.constraints, [&](const DraftConstraint& c) {
            if (!mentions(c, table_, n.column)) return false;
            forget(draft_, table_, c);
            return true;
        });
        std::erase_if(table_.indexes, [&](const ast::CreateIndex& i) {
            return std::any_of(i.elements.begin(), i.elements.end(),
                               [&](const auto& e) { return e.column == n.column; });
        });
        std::erase_if(table_.columns, [&](const DraftColumn& c) { return c.name == n.column; });
    }
    void one(const ast::AddConstraint& n) { add_constraint(n.constraint, table_, draft_, reporter_); }
    void one(const ast::DropConstraint& n) {
        const DraftConstraint* c = constraint(n.constraint, n.if_exists);
        if (c == nullptr) return;
        forget(draft_, table_, *c);
        std::erase_if(table_.constraints, [&](const DraftConstraint& x) { return x.name == n.constraint; });
    }
    void one(const ast::ValidateConstraint&) {}
    void one(const ast::AlterConstraint& n) {
        if (DraftConstraint* c = constraint(n.constraint, false)) {
            c->deferrable = n.deferrable;
            c->initially_deferred = n.initially_deferred;
        }
    }
    void one(const ast::SetColumnDefault& n) {
        DraftColumn* c = column(n.column);
        if (c == nullptr) return;
        c->default_value.reset();
        if (c->serial) c->identity = Identity::none;
        if (!n.value) return;
        const auto* call = std::get_if<ast::FunctionCall>(&n.value->node);
        if (call != nullptr && call->name.name == "nextval") {
            c->identity = Identity::by_default;
            c->serial = true;
        } else {
            c->default_value = *n.value;
        }
    }
    void one(const ast::SetColumnNotNull& n) {
        if (DraftColumn* c = column(n.column)) c->not_null = n.not_null;
    }
    void one(const ast::SetColumnType& n) {
        DraftColumn* c = column(n.column);
        if (c == nullptr) return;
        Result<DraftType> type = draft_.resolve_type(n.type, reporter_);
        if (!type) return reporter_.error(std::move(type.error()));
        c->type = *type;
    }
    void one(const ast::AddIdentity& n) {
        if (DraftColumn* c = column(n.column)) {
            c->identity = n.identity.always ? Identity::always : Identity::by_default;
            c->not_null = true;
        }
    }
    void one(const ast::DropIdentity& n) {
        if (DraftColumn* c = column(n.column)) {
            if (n.expression)
                c->generated.reset();
            else
                c->identity = Identity::none;
        }
    }
    void one(const ast::AttachPartition& n) {
        DraftTable* part = draft_.find_table(n.partition);
        if (part == nullptr) return;
        draft_.partitions.insert({part->schema, part->name});
        part->dropped = true;
    }
    void one(const ast::DetachPartition&) {
        reporter_.warn(at_, "DETACH PARTITION is not modelled: the partition stays part of its table");
    }
    void one(const ast::IgnoredAlter&) {}
    void one(const ast::UnmodelledAlter& n) {
        reporter_.warn(at_,
                       "ALTER TABLE " + table_.name + " " + n.what + " is not modelled and has no effect");
    }

    DraftTable& table_;
    Draft& draft_;
    Reporter& reporter_;
    Span at_;
};

void drop_table(DraftTable& t, Draft& draft) {
    t.dropped = true;
    drop_references(draft, t, {});
    draft.relation_names.erase({t.schema, t.name});
    for (const DraftConstraint& c : t.constraints) forget(draft, t, c);
    for (const ast::CreateIndex& i : t.indexes) draft.relation_names.erase({t.schema, i.name});
    for (DraftObject& o : draft.objects)  // its rows go with it
        if (std::holds_alternative<ast::Statement>(o.node) && o.schema == t.schema && o.name == t.name)
            o.dropped = true;
}

bool drop_index(const ast::QualifiedName& name, Draft& draft) {
    const std::string schema = draft.target_schema(name);
    for (DraftTable& t : draft.tables) {
        if (t.dropped || t.schema != schema) continue;
        const auto gone =
            std::erase_if(t.indexes, [&](const ast::CreateIndex& i) { return i.name == name.name; }) +
            std::erase_if(t.constraints, [&](const DraftConstraint& c) {
                return c.name == name.name && std::holds_alternative<ast::CreateIndex>(c.node);
            });
        if (gone == 0) continue;
        draft.relation_names.erase({schema, name.name});
        return true;
    }
    return false;
}

bool drop_object(const std::string& object, const ast::QualifiedName& name, Draft& draft) {
    if (object == "TABLE") {
        DraftTable* t = draft.find_table(name);
        if (t != nullptr) drop_table(*t, draft);
        return t != nullptr;
    }
    if (object == "INDEX") return drop_index(name, draft);
    if (object == "TYPE" || object == "DOMAIN") {
        if (const auto d = draft.find_domain(name)) {
            draft.domains[*d].dropped = true;
            return true;
        }
        if (const auto e = draft.find_enum(name)) {
            draft.enums[*e].dropped = true;
            return true;
        }
        return false;
    }
    const bool view = object == "VIEW",
               routine = object == "FUNCTION" || object == "PROCEDURE" || object == "ROUTINE";
    bool any = false;
    const std::string schema = name.schema.empty() ? "public" : name.schema;
    for (DraftObject& o : draft.objects) {
        if (o.dropped || o.schema != schema || o.name != name.name) continue;
        if (!(view && std::holds_alternative<ast::CreateView>(o.node)) &&
            !(routine && std::holds_alternative<ast::CreateRoutine>(o.node)))
            continue;
        o.dropped = true;
        if (view) draft.relation_names.erase({o.schema, o.name});
        any = true;
    }
    return any;
}

}  // namespace

void alter_table(const ast::AlterTable& alter, Span at, Draft& draft, Reporter& reporter) {
    DraftTable* table = draft.find_table(alter.table);
    if (table == nullptr) {
        const std::string schema = draft.target_schema(alter.table);
        const bool other = draft.relation_names.contains({schema, alter.table.name}) ||
                           draft.partitions.contains({schema, alter.table.name});
        const bool harmless = std::all_of(
            alter.actions.begin(), alter.actions.end(),
            [](const ast::AlterAction& a) { return std::holds_alternative<ast::IgnoredAlter>(a.node); });
        if (alter.if_exists || other || harmless) return;
        return reporter.error(Error::make(sqlstate::undefined_table,
                                          "relation \"" + alter.table.describe() + "\" does not exist")
                                  .with_span(alter.table.span));
    }
    (void)at;
    Alteration alteration(*table, draft, reporter);
    for (const ast::AlterAction& action : alter.actions) alteration.apply(action);
}

void drop(const ast::Drop& drop, Span at, Draft& draft, Reporter& reporter) {
    for (const ast::QualifiedName& name : drop.names) {
        const bool known = drop_object(drop.object, name, draft);
        const bool modelled = drop.object == "TABLE" || drop.object == "VIEW" || drop.object == "INDEX" ||
                              drop.object == "DOMAIN" || drop.object == "FUNCTION" ||
                              drop.object == "PROCEDURE";
        if (known || drop.if_exists || !modelled) continue;
        reporter.warn(at, "DROP " + drop.object + " " + name.describe() + ": no such object is known here");
    }
}

void rename(const ast::Rename& rename, Span at, Draft& draft, Reporter& reporter) {
    DraftTable* table = draft.find_table(rename.name);
    if (table == nullptr) {
        if (rename.object == "INDEX" || rename.object == "SEQUENCE") return;
        reporter.warn(at, "ALTER " + rename.object + " " + rename.name.describe() +
                              " RENAME or SET SCHEMA is not modelled: the old name stays");
        return;
    }
    draft.renamed = true;
    if (rename.set_schema) {
        reporter.warn(at, "SET SCHEMA is not modelled: " + table->name + " stays where it is");
    } else if (rename.object == "COLUMN") {
        if (table->find(rename.member) == nullptr)
            return reporter.error(
                Error::make(sqlstate::undefined_column, "column \"" + rename.member + "\" does not exist")
                    .with_span(at));
        rename_column(draft, *table, rename.member, rename.new_name);
    } else if (rename.object == "CONSTRAINT") {
        for (DraftConstraint& c : table->constraints) {
            if (c.name != rename.member) continue;
            forget(draft, *table, c);
            c.name = rename.new_name;
            draft.constraint_names.insert({table->schema, c.name});
            if (!std::holds_alternative<ast::Check>(c.node) &&
                !std::holds_alternative<ast::ForeignKey>(c.node))
                draft.relation_names.insert({table->schema, c.name});
        }
    } else if (rename.object == "TABLE") {
        for (DraftTable& t : draft.tables)
            for (DraftConstraint& c : t.constraints)
                if (auto* fk = std::get_if<ast::ForeignKey>(&c.node);
                    fk != nullptr && fk->table.name == table->name &&
                    (fk->table.schema.empty() || fk->table.schema == table->schema))
                    fk->table.name = rename.new_name;
        for (DraftObject& o : draft.objects)
            if (auto* s = std::get_if<ast::Statement>(&o.node);
                s != nullptr && o.schema == table->schema && o.name == table->name) {
                std::get<ast::Insert>(s->node).table.name.name = rename.new_name;
                o.name = rename.new_name;
            }
        draft.relation_names.erase({table->schema, table->name});
        draft.relation_names.insert({table->schema, rename.new_name});
        table->name = rename.new_name;
    }
}

}  // namespace anabranch::catalog
