// Merge policies from the evidence of writes.h. Each column gets the weakest policy that fits all writes to
// it: immutable, counter, max, min, or register; registers that one invariant reads together get one group.
#include <algorithm>
#include <numeric>

#include "lib/catalog/finish.h"
#include "lib/catalog/writes.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::catalog {

namespace {

std::string listed(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i)
        out += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
    return out;
}

std::vector<std::string> writers(const ColumnWrites& writes, WriteForm form) {
    std::vector<std::string> out;
    for (const ColumnWrite& w : writes.updates)
        if (w.form == form) out.push_back(w.transaction);
    return out;
}

bool any_form(const ColumnWrites& writes, WriteForm form) {
    return std::any_of(writes.updates.begin(), writes.updates.end(),
                       [&](const ColumnWrite& w) { return w.form == form; });
}
// At least one write of the form, and no other changes the column.
bool only_form(const ColumnWrites& writes, WriteForm form) {
    return any_form(writes, form) &&
           std::all_of(writes.updates.begin(), writes.updates.end(),
                       [&](const ColumnWrite& w) { return w.form == form || w.form == WriteForm::keep; });
}

bool contains(const std::vector<ColumnId>& list, ColumnId id) {
    return std::find(list.begin(), list.end(), id) != list.end();
}

class Inference {
  public:
    Inference(Schema& schema, Reporter& reporter)
        : schema_(schema), reporter_(reporter), writes_(collect_writes(schema)) {}

    void run() {
        for (Table& t : schema_.tables) {
            const TableWrites& w = writes_[t.id.value];
            t.identity = w.identified_by_key ? RowIdentity::per_key : RowIdentity::per_insert;
            t.deletes = w.deletes || w.key_updated;
        }
        for (Table& t : schema_.tables)
            for (std::uint32_t c = 0; c < t.columns.size(); ++c) column(t, {c});
        for (Table& t : schema_.tables) groups(t);
    }

  private:
    // Rows of it may go, by its own DELETE or with a parent.
    bool rows_may_go(const Table& t, int depth = 0) const {
        if (t.deletes) return true;
        constexpr int chain_max = 16;
        if (depth > chain_max) return true;
        return std::any_of(t.foreign_keys.begin(), t.foreign_keys.end(), [&](const ForeignKey& f) {
            return f.on_delete == OnDelete::cascade && f.parent != t.id &&
                   rows_may_go(schema_.table(f.parent), depth + 1);
        });
    }

    void column(Table& t, ColumnId id) {
        Column& c = t.columns[id.value];
        const ColumnWrites& w = writes_[t.id.value].columns[id.value];
        if (c.policy.declared) return declared(t, c, w);
        if (contains(t.keys[0].columns, id))
            return set(c, Merge::immutable,
                       "part of the key: changing it deletes the row and inserts another");
        if (c.generated)
            return set(c, Merge::immutable, "generated: computed from the other columns of the merged row");
        if (const ForeignKey* key = followed_by_merge(t, id); key != nullptr && is_changed(w))
            return set(
                c, Merge::register_,
                "the merge deletes or changes the row with the parent that it names (" + key->name + ")");
        if (only_form(w, WriteForm::add) && sql::is_integer(c.type)) return counter(c, w);
        for (const auto& [form, merge] :
             {std::pair{WriteForm::raise, Merge::max}, std::pair{WriteForm::lower, Merge::min}})
            if (only_form(w, form)) return extreme(t, c, w, form, merge);
        rest(t, id, c, w);
    }

    static void set(Column& c, Merge merge, std::string reason) {
        c.policy.merge = merge;
        c.policy.reason = std::move(reason);
    }

    void counter(Column& c, const ColumnWrites& w) {
        const bool minus =
            std::any_of(w.updates.begin(), w.updates.end(), [](const ColumnWrite& x) { return x.subtracts; });
        const bool plus = std::any_of(w.updates.begin(), w.updates.end(), [](const ColumnWrite& x) {
            return x.form == WriteForm::add && !x.subtracts;
        });
        const std::string forms =
            minus && plus ? c.name + " + e or " + c.name + " - e" : c.name + (minus ? " - e" : " + e");
        set(c, Merge::counter, "every write is " + forms + " (" + listed(writers(w, WriteForm::add)) + ")");
        warn_if_narrow(c);
    }

    void warn_if_narrow(const Column& c) {
        if (c.type.id != sql::TypeId::int8)
            reporter_.warn(c.span, "counter \"" + c.name + "\" is declared " +
                                       (c.type.id == sql::TypeId::int2 ? "smallint" : "integer") +
                                       ": merging adds concurrent additions, which can pass its range, so it "
                                       "is kept in 64 bits; declare it bigint");
    }

    void extreme(const Table& t, Column& c, const ColumnWrites& w, WriteForm form, Merge merge) {
        const std::string call = form == WriteForm::raise ? "greatest(" : "least(";
        if (t.identity == RowIdentity::per_key && rows_may_go(t))
            return set(
                c, Merge::register_,
                "every write is " + call + c.name + ", e), but rows of " + t.display() +
                    " go and come back under one key, so the extreme of an earlier row must not survive");
        set(c, merge, "every write is " + call + c.name + ", e) (" + listed(writers(w, form)) + ")");
    }

    // Which parent a row has is a register's value: two concurrent additions would name a third one.
    static const ForeignKey* followed_by_merge(const Table& t, ColumnId id) {
        const auto found =
            std::find_if(t.foreign_keys.begin(), t.foreign_keys.end(), [&](const ForeignKey& f) {
                return (f.on_delete == OnDelete::cascade || f.on_delete == OnDelete::set_null) &&
                       contains(f.columns, id);
            });
        return found == t.foreign_keys.end() ? nullptr : &*found;
    }
    static bool is_changed(const ColumnWrites& w) {
        return std::any_of(w.updates.begin(), w.updates.end(),
                           [](const ColumnWrite& x) { return x.form != WriteForm::keep; });
    }
    bool nulled_by_merge(const Table& t, ColumnId id) const {
        return std::any_of(t.foreign_keys.begin(), t.foreign_keys.end(),
                           [&](const ForeignKey& f) { return contains(f.set_columns, id); });
    }
    bool written_by_key_change(const Table& t, ColumnId id) const {
        return std::any_of(t.foreign_keys.begin(), t.foreign_keys.end(), [&](const ForeignKey& f) {
            return f.on_update != OnDelete::no_action && f.on_update != OnDelete::restrict_ &&
                   contains(f.columns, id) && writes_[f.parent.value].key_updated;
        });
    }

    void rest(const Table& t, ColumnId id, Column& c, const ColumnWrites& w) {
        if (is_changed(w)) {
            std::vector<std::string> names;
            for (const ColumnWrite& x : w.updates)
                if (x.form != WriteForm::keep) names.push_back(x.transaction);
            const bool some_add = any_form(w, WriteForm::add) && sql::is_integer(c.type);
            std::string reason = "assigned by " + listed(some_add ? writers(w, WriteForm::assign) : names);
            if (some_add && any_form(w, WriteForm::assign))
                reason += ", although " + listed(writers(w, WriteForm::add)) + " adds to it";
            else if (some_add)
                reason = "added to by " + listed(writers(w, WriteForm::add)) + " and changed otherwise, too";
            return set(c, Merge::register_, std::move(reason));
        }
        if (written_by_key_change(t, id))
            return set(c, Merge::register_, "follows its parent's key (ON UPDATE)");
        if (nulled_by_merge(t, id))
            return set(c, Merge::register_, "never written again, but the merge ends it with its parent");
        if (t.identity == RowIdentity::per_key)
            return set(c, Merge::register_, "concurrent inserts of one key merge: the last writer wins");
        set(c, Merge::immutable, "never written after the insert");
    }

    void declared(const Table& t, Column& c, const ColumnWrites& w) {
        const std::string word = c.policy.merge == Merge::counter ? "counter"
                                 : c.policy.merge == Merge::max   ? "max"
                                 : c.policy.merge == Merge::min   ? "min"
                                                                  : "lww";
        c.policy.reason = "declared merge." + word;
        const std::string name = t.display() + "." + c.name;
        if (contains(t.keys[0].columns, *t.find(c.name)) && c.policy.merge != Merge::register_)
            return reporter_.error(
                Error::make("42P16", "key column " + name + " cannot be merge." + word).with_span(c.span));
        if (const ForeignKey* key = followed_by_merge(t, *t.find(c.name));
            key != nullptr && c.policy.merge != Merge::register_)
            return reporter_.error(Error::make("42P16", "column " + name + " cannot be merge." + word +
                                                            ": the merge deletes or changes the row with the "
                                                            "parent that it names (" +
                                                            key->name + ")")
                                       .with_span(c.span));
        if (c.policy.merge == Merge::counter) {
            if (!sql::is_integer(c.type))
                return reporter_.error(
                    Error::make(sqlstate::datatype_mismatch, "merge.counter must be an integer type")
                        .with_span(c.span));
            warn_if_narrow(c);
        }
        for (const ColumnWrite& x : w.updates) {
            if (x.form == WriteForm::keep) continue;
            const bool fits = c.policy.merge == Merge::counter ? x.form == WriteForm::add
                              : c.policy.merge == Merge::max   ? x.never_lowers
                              : c.policy.merge == Merge::min   ? x.never_raises
                                                               : true;
            if (fits) continue;
            const std::string verb = c.policy.merge == Merge::counter ? "assigns it"
                                     : c.policy.merge == Merge::max   ? "could lower it"
                                                                      : "could raise it";
            const std::string how =
                c.policy.merge == Merge::counter ? "SET " + c.name + " = " + c.name + " + e"
                : c.policy.merge == Merge::max   ? "SET " + c.name + " = greatest(" + c.name + ", e)"
                                                 : "SET " + c.name + " = least(" + c.name + ", e)";
            reporter_.error(Error::make("42P17", "column " + name + " is declared merge." + word + ", but " +
                                                     x.transaction + " " + verb)
                                .with_span(x.span)
                                .with_hint("Write " + how + ", or declare the column without merge." + word +
                                           ", so that the last writer wins."));
        }
    }

    // ---- register groups ----

    // What one invariant reads together, with its name for the reason.
    static std::vector<std::pair<std::string, std::vector<ColumnId>>> joint_reads(const Table& t) {
        std::vector<std::pair<std::string, std::vector<ColumnId>>> out;
        for (const CheckConstraint& c : t.checks) out.emplace_back(c.name, c.columns);
        for (const ForeignKey& f : t.foreign_keys) out.emplace_back(f.name, f.columns);
        for (const Exclusion& e : t.exclusions) out.emplace_back(e.name, e.columns);
        for (const UniqueKey& k : t.keys) {
            std::vector<ColumnId> columns = k.columns;
            const auto read = [&](const sql::ExprPtr& e) {
                sql::walk(e, [&](const sql::ExprPtr& part, std::uint32_t) {
                    if (const auto* ref = std::get_if<sql::ColumnRef>(&part->node))
                        columns.push_back({ref->column});
                    return true;
                });
            };
            for (const sql::ExprPtr& e : k.expressions) read(e);
            if (k.predicate) read(k.predicate);
            out.emplace_back(k.name, std::move(columns));
        }
        return out;
    }

    void groups(Table& t) {
        std::vector<std::uint32_t> leader(t.columns.size());
        std::iota(leader.begin(), leader.end(), 0u);
        const auto find = [&](std::uint32_t c) {
            while (leader[c] != c) c = leader[c];
            return c;
        };
        const auto is_register = [&](ColumnId c) {
            return t.columns[c.value].policy.merge == Merge::register_;
        };
        std::vector<std::string> why(t.columns.size());
        for (const auto& [name, columns] : joint_reads(t)) {
            std::optional<ColumnId> first;
            for (const ColumnId c : columns) {
                if (!is_register(c)) continue;
                if (!first) first = c;
                if (c == *first) continue;
                for (const ColumnId both : {c, *first})
                    if (why[both.value].empty()) why[both.value] = name;
                const std::uint32_t a = find(first->value), b = find(c.value);
                leader[std::max(a, b)] = std::min(a, b);
            }
        }
        std::vector<std::optional<std::uint32_t>> number(t.columns.size());
        for (std::uint32_t c = 0; c < t.columns.size(); ++c) {
            ColumnPolicy& policy = t.columns[c].policy;
            if (policy.merge != Merge::register_ && policy.merge != Merge::immutable) continue;
            const std::uint32_t top = find(c);
            if (!number[top]) number[top] = t.group_count++;
            policy.group = *number[top];
            std::vector<std::string> others;
            for (std::uint32_t o = 0; o < t.columns.size(); ++o)
                if (o != c && is_register({o}) && is_register({c}) && find(o) == top)
                    others.push_back(t.columns[o].name);
            if (!others.empty())
                policy.reason +=
                    "; merges as one with " + listed(others) + ", which " + why[c] + " reads together";
        }
    }

    Schema& schema_;
    Reporter& reporter_;
    std::vector<TableWrites> writes_;
};

}  // namespace

void infer_policies(Schema& schema, Reporter& reporter) {
    Inference(schema, reporter).run();
}

}  // namespace anabranch::catalog
