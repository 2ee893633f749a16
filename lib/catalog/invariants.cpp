// All invariants of a schema, with names and texts, in report order.
#include <algorithm>

#include "lib/catalog/finish.h"
#include "lib/catalog/writes.h"
#include "lib/sql/print.h"

namespace anabranch::catalog {

namespace {

std::string action_text(const char* event, OnDelete action) {
    switch (action) {
        case OnDelete::no_action:
            return {};
        case OnDelete::restrict_:
            return std::string(" ON ") + event + " RESTRICT";
        case OnDelete::cascade:
            return std::string(" ON ") + event + " CASCADE";
        case OnDelete::set_null:
            return std::string(" ON ") + event + " SET NULL";
        case OnDelete::set_default:
            return std::string(" ON ") + event + " SET DEFAULT";
    }
    return {};
}

bool is_key_column(const Table& t, std::uint32_t c) {
    const auto& key = t.keys[0].columns;
    return std::find(key.begin(), key.end(), ColumnId{c}) != key.end();
}

class Lister {
  public:
    Lister(const Schema& schema, const Reporter& reporter)
        : schema_(schema), reporter_(reporter), writes_(collect_writes(schema)) {}

    std::vector<Invariant> of(const Table& t) {
        out_.clear();
        not_nulls(t);
        for (std::uint32_t i = 0; i < t.checks.size(); ++i)
            add(t, t.checks[i].name, InvariantKind::check, t.checks[i].text, t.checks[i].span, false,
                CheckInvariant{i});
        for (std::uint32_t i = 0; i < t.keys.size(); ++i) key(t, i);
        for (std::uint32_t i = 0; i < t.foreign_keys.size(); ++i) foreign_key(t, i);
        for (std::uint32_t i = 0; i < t.exclusions.size(); ++i)
            add(t, t.exclusions[i].name, InvariantKind::exclude, t.exclusions[i].text, t.exclusions[i].span,
                t.exclusions[i].initially_deferred, ExcludeInvariant{i});
        lost_updates(t);
        return std::move(out_);
    }

  private:
    template <typename What>
    void add(const Table& t, std::string name, InvariantKind kind, std::string text, Span at, bool deferred,
             What what) {
        out_.push_back(
            {std::move(name), kind, t.id, t.display(), std::move(text), reporter_.place(at), deferred, what});
    }
    void not_nulls(const Table& t) {
        for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
            const Column& column = t.columns[c];
            if (!column.not_null || column.hidden || is_key_column(t, c)) continue;
            add(t, "not_null(" + t.display() + "." + column.name + ")", InvariantKind::not_null,
                column.name + " NOT NULL", column.span, false, NotNullInvariant{{c}});
        }
    }
    void key(const Table& t, std::uint32_t i) {
        const UniqueKey& k = t.keys[i];
        if (i == 0 && t.hidden_key()) return;
        std::string text = i == 0 ? "PRIMARY KEY " : "UNIQUE ";
        if (k.index) {
            std::string parts;
            for (const IndexText::Part& p : k.index->parts) parts += (parts.empty() ? "" : ", ") + p.text;
            text += "(" + parts + ")";
            if (!k.index->predicate.empty()) text += " WHERE " + k.index->predicate;
        } else {
            text += t.column_list(k.columns);
        }
        add(t, k.name, i == 0 ? InvariantKind::primary_key : InvariantKind::unique, text, k.span,
            k.initially_deferred, KeyInvariant{i});
    }
    void foreign_key(const Table& t, std::uint32_t i) {
        const ForeignKey& f = t.foreign_keys[i];
        const Table& parent = schema_.table(f.parent);
        const std::string text = "FOREIGN KEY " + t.column_list(f.columns) + " REFERENCES " +
                                 parent.display() + " " + parent.column_list(f.parent_columns) +
                                 action_text("DELETE", f.on_delete) + action_text("UPDATE", f.on_update);
        add(t, f.name, InvariantKind::foreign_key, text, f.span, f.initially_deferred,
            ForeignKeyInvariant{i});
    }
    // Registers that some transaction writes after the insert, or inserts under ON CONFLICT, or computes from
    // other rows' values of it.
    void lost_updates(const Table& t) {
        for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
            const Column& column = t.columns[c];
            const bool merges_whole =
                column.policy.merge == Merge::register_ || column.policy.merge == Merge::immutable;
            if (!merges_whole || column.hidden || column.generated || is_key_column(t, c)) continue;
            const ColumnWrites& w = writes_[t.id.value].columns[c];
            const bool updated = std::any_of(w.updates.begin(), w.updates.end(),
                                             [](const ColumnWrite& x) { return x.form != WriteForm::keep; });
            if (!updated && !w.upserted && !w.insert_reads) continue;
            add(t, "lost_update(" + t.display() + "." + column.name + ")", InvariantKind::lost_update,
                "no update of " + column.name + " that depends on what it read is lost", column.span, false,
                LostUpdateInvariant{{c}});
        }
    }

    const Schema& schema_;
    const Reporter& reporter_;
    std::vector<TableWrites> writes_;
    std::vector<Invariant> out_;
};

}  // namespace

void list_invariants(Schema& schema, std::vector<Invariant> assertions, const Reporter& reporter) {
    Lister lister(schema, reporter);
    for (const Table& t : schema.tables)
        for (Invariant& i : lister.of(t)) schema.invariants.push_back(std::move(i));
    for (Invariant& i : assertions) schema.invariants.push_back(std::move(i));
    std::stable_sort(schema.invariants.begin(), schema.invariants.end(),
                     [](const Invariant& a, const Invariant& b) {
                         if (a.table != b.table) return a.table < b.table;
                         if (a.kind != b.kind) return a.kind < b.kind;
                         return a.name < b.name;
                     });
}

}  // namespace anabranch::catalog
