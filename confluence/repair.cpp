#include "confluence/repair.h"

#include <algorithm>
#include <set>

#include "confluence/escrow.h"
#include "confluence/variant.h"
#include "confluence/walk.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence {

using catalog::InvariantKind;

namespace {

const sql::Param* param_of(const sql::ExprPtr& e) {
    return std::get_if<sql::Param>(&sql::uncast(e)->node);
}

bool is_column(const sql::ExprPtr& e, std::uint32_t column) {
    const auto* ref = std::get_if<sql::ColumnRef>(&sql::uncast(e)->node);
    return ref != nullptr && ref->level == 0 && ref->rel == 0 && ref->column == column;
}

// Rewrites the plain INSERTs of a transaction into one table; CTEs are left alone.
void each_insert(catalog::Transaction& t, TableId table, const std::function<void(sql::Insert&)>& change) {
    for (auto& statement : t.body) {
        const auto* insert = std::get_if<sql::Insert>(&statement->body);
        if (insert == nullptr || insert->table != table) continue;
        auto copy = std::make_shared<sql::Statement>(*statement);
        change(std::get<sql::Insert>(copy->body));
        statement = copy;
    }
}

// Whether the value of a row's key is a number that is handed out: it follows from what others change or add
// to.
bool is_allocated(const smt::Analysis& analysis, const sql::Query& source, const sql::ExprPtr& value) {
    class Aggregates : public Walker {
      public:
        bool found = false;

      protected:
        void on_node(const sql::Expr& e) override { found |= std::holds_alternative<sql::Aggregate>(e.node); }
    } aggregates;
    auto query = std::make_shared<sql::Query>();
    query->ctes = source.ctes;
    query->rels = source.rels;
    query->from = source.from;
    query->grouped = source.grouped;
    query->targets = {value};
    aggregates.query(*query);
    auto statement = std::make_shared<sql::Statement>();
    statement->body = sql::QueryPtr(std::move(query));
    catalog::Transaction reader;
    reader.body = {std::move(statement)};
    const Access read = access_of(reader);
    return std::any_of(read.tables.begin(), read.tables.end(), [&](const auto& entry) {
        const auto touch = analysis.touched.find(entry.first);
        if (touch == analysis.touched.end()) return false;
        const auto& changed = touch->second.columns;
        return (aggregates.found && touch->second.appear) ||
               std::any_of(entry.second.reads.begin(), entry.second.reads.end(),
                           [&](std::uint32_t c) { return changed.contains(c); });
    });
}

// SET c = e WHERE .. AND c < e: what would be SET c = greatest(c, e). The part of the WHERE that goes, or -1.
struct Raise {
    std::size_t assignment = 0;
    std::ptrdiff_t part = -1;
    bool max = true;
};
std::optional<Raise> raise_of(const sql::Update& update, std::uint32_t column) {
    for (std::size_t a = 0; a < update.assignments.size(); ++a) {
        if (update.assignments[a].column.value != column) continue;
        const auto* value = param_of(update.assignments[a].value);
        if (value == nullptr) return std::nullopt;
        const auto parts = conjuncts(update.where);
        for (std::size_t p = 0; p < parts.size(); ++p) {
            const auto* call = std::get_if<sql::Call>(&parts[p]->node);
            if (call == nullptr || call->args.size() != 2) continue;
            const bool less = call->func == sql::Func::lt || call->func == sql::Func::le;
            const bool greater = call->func == sql::Func::gt || call->func == sql::Func::ge;
            if (!less && !greater) continue;
            for (std::size_t side = 0; side < 2; ++side) {
                const auto* other = param_of(call->args[1 - side]);
                if (!is_column(call->args[side], column) || other == nullptr || other->index != value->index)
                    continue;
                return Raise{a, static_cast<std::ptrdiff_t>(p), (side == 0) == less};
            }
        }
        return std::nullopt;
    }
    return std::nullopt;
}

void rewrite(sql::Update& update, std::uint32_t column, const Raise& raise) {
    std::vector<sql::ExprPtr> kept;
    const auto parts = conjuncts(update.where);
    for (std::size_t p = 0; p < parts.size(); ++p) {
        if (static_cast<std::ptrdiff_t>(p) != raise.part) kept.push_back(parts[p]);
    }
    const sql::Type boolean{sql::TypeId::bool_};
    update.where =
        kept.empty() ? nullptr
        : kept.size() == 1
            ? kept[0]
            : std::make_shared<sql::Expr>(sql::Expr{boolean, {}, sql::Logic{sql::LogicOp::and_, kept}});
    sql::Assignment& assignment = update.assignments[raise.assignment];
    const sql::Type type = assignment.value->type;
    auto self = std::make_shared<sql::Expr>(sql::Expr{type, {}, sql::ColumnRef{0, 0, column}});
    const sql::Func func = raise.max ? sql::Func::greatest : sql::Func::least;
    assignment.value =
        std::make_shared<sql::Expr>(sql::Expr{type, {}, sql::Call{func, {self, assignment.value}}});
}

}  // namespace

Repairer::Repairer(const smt::Analysis& analysis, const Classifier& classifier)
    : analysis_(analysis),
      schema_(analysis.schema()),
      edges_(classifier.edges()),
      inferred_(!classifier.inferred().empty() || classifier.permanent_rows_used()),
      signs_(!analysis.read_signs.empty()) {
    for (const Edge& edge : edges_) known_.insert(key_of(edge));
}

std::string Repairer::line(Span at) const {
    const auto end = std::min<std::size_t>(at.offset, schema_.text.size());
    const auto before = schema_.text.begin() + static_cast<std::ptrdiff_t>(end);
    return std::to_string(std::count(schema_.text.begin(), before, '\n') + 1);
}

std::string Repairer::place(Span at) const {
    return at.known ? schema_.file + ":" + line(at) + ": " : std::string();
}

std::vector<Repair> Repairer::repairs(std::uint32_t transaction, std::uint32_t invariant) {
    std::vector<Candidate> candidates;
    std::vector<Repair> out;
    switch (schema_.invariants[invariant].kind) {
        case InvariantKind::foreign_key:
            cascade(invariant, candidates);
            break;
        case InvariantKind::primary_key:
            key(transaction, invariant, candidates);
            break;
        case InvariantKind::lost_update:
            merge_max(transaction, invariant, candidates);
            group(invariant, candidates);
            break;
        case InvariantKind::check:
            escrow(transaction, invariant, out);
            break;
        default:
            break;
    }
    for (const Candidate& candidate : candidates) {
        if (verified(candidate, transaction, invariant)) out.push_back({candidate.kind, candidate.text});
    }
    guard(transaction, invariant, out);
    split(transaction, out);
    return out;
}

std::set<EdgeKey> Repairer::edges_of(smt::Analysis& changed, Question question) const {
    changed.rlimit = analysis_.rlimit;
    Classifier classifier(changed, {});
    classifier.only(question.transactions, question.invariants);
    classifier.against(std::move(question.baseline));
    classifier.run();
    std::set<EdgeKey> out;
    for (const Edge& edge : classifier.edges()) out.insert(key_of(edge));
    return out;
}

bool Repairer::frees(const Change& change, Question question) const {
    smt::Analysis changed(changed_by(schema_, change), &analysis_);
    const std::set<std::uint32_t> asked = question.transactions;
    if (!edges_of(changed, std::move(question)).empty()) return false;
    return std::all_of(asked.begin(), asked.end(), [&](std::uint32_t t) {
        return smt::Pair(changed, t, t, {}).commits() == smt::Answer::yes;
    });
}

// The edges of a changed schema: those on the invariant, and those that the schema as it is does not have.
const std::set<EdgeKey>& Repairer::edges_after(const Candidate& candidate, std::uint32_t invariant) {
    const std::string name = candidate.change + " for " + std::to_string(invariant);
    const auto found = after_.find(name);
    if (found != after_.end()) return found->second;
    Question question{{}, {}, baseline()};
    for (const EdgeKey& edge : known_) {
        const auto [first, second, on] = edge;
        if (on == invariant) question.transactions.insert({first, second});
        (on == invariant ? question.baseline.tolerated : question.baseline.skipped).insert(edge);
    }
    smt::Analysis changed(changed_by(schema_, candidate.apply), &analysis_);
    return after_.emplace(name, edges_of(changed, std::move(question))).first->second;
}

bool Repairer::verified(const Candidate& candidate, std::uint32_t transaction, std::uint32_t invariant) {
    const auto& edges = edges_after(candidate, invariant);
    return std::none_of(edges.begin(), edges.end(), [&](const EdgeKey& edge) {
        const auto [first, second, on] = edge;
        return !known_.contains(edge) || (on == invariant && (first == transaction || second == transaction));
    });
}

void Repairer::cascade(std::uint32_t invariant, std::vector<Candidate>& out) const {
    const catalog::Invariant& what = schema_.invariants[invariant];
    const std::uint32_t index = std::get<catalog::ForeignKeyInvariant>(what.what).index;
    const catalog::ForeignKey& fk = schema_.table(what.table).foreign_keys[index];
    const auto set = [table = what.table, index](catalog::OnDelete action) {
        return [table, index, action](catalog::Schema& s) {
            s.tables[table.value].foreign_keys[index].on_delete = action;
        };
    };
    const std::string child = schema_.table(what.table).display();
    const std::string parent = schema_.table(fk.parent).display();
    out.push_back({"cascade",
                   place(fk.span) + "add ON DELETE CASCADE to " + fk.name + ": rows of " + child +
                       " then go with their " + parent + " at every replica that knows of both",
                   "cascade", set(catalog::OnDelete::cascade)});
    const bool nullable = std::none_of(fk.columns.begin(), fk.columns.end(), [&](ColumnId c) {
        return schema_.table(what.table).columns[c.value].not_null;
    });
    if (nullable) {
        out.push_back({"set_null",
                       place(fk.span) + "add ON DELETE SET NULL to " + fk.name + ": rows of " + child +
                           " then lose their reference",
                       "set_null", set(catalog::OnDelete::set_null)});
    }
}

void Repairer::key(std::uint32_t transaction, std::uint32_t invariant, std::vector<Candidate>& out) const {
    const TableId id = schema_.invariants[invariant].table;
    const catalog::Table& table = schema_.table(id);
    // The parameters that the plain INSERTs of this transaction take the key from.
    std::set<std::uint32_t> from;
    bool plain = false, allocated = false;
    for (const auto& statement : schema_.transactions[transaction].body) {
        const auto* insert = std::get_if<sql::Insert>(&statement->body);
        if (insert == nullptr || insert->table != id ||
            insert->on_conflict.action != sql::ConflictAction::none)
            continue;
        plain = true;
        for (std::size_t i = 0; i < insert->columns.size(); ++i) {
            const std::uint32_t column = insert->columns[i].value;
            const bool key = std::any_of(table.keys[0].columns.begin(), table.keys[0].columns.end(),
                                         [&](ColumnId c) { return c.value == column; });
            const bool refers = std::any_of(
                table.foreign_keys.begin(), table.foreign_keys.end(), [&](const catalog::ForeignKey& fk) {
                    return std::any_of(fk.columns.begin(), fk.columns.end(),
                                       [&](ColumnId c) { return c.value == column; });
                });
            if (!key || !insert->source) continue;
            const auto& q = *insert->source;
            const sql::ExprPtr value = !q.values.empty()      ? q.values[0][i]
                                       : i < q.targets.size() ? q.targets[i]
                                                              : nullptr;
            if (!value) continue;
            allocated = allocated || is_allocated(analysis_, q, value);
            const auto* param = param_of(value);
            if (param != nullptr && !refers) from.insert(param->index);
        }
    }
    if (!plain) return;
    if (!from.empty()) {
        const std::string column = table.display() + "." + table.columns[table.keys[0].columns[0].value].name;
        out.push_back({"generated_key",
                       place(table.columns[table.keys[0].columns[0].value].span) + "let the system make " +
                           column +
                           " (GENERATED ALWAYS AS IDENTITY, or DEFAULT gen_random_uuid()) and leave it out "
                           "of the INSERT of " +
                           schema_.transactions[transaction].name + "; or declare its parameter merge.fresh",
                       "fresh " + std::to_string(transaction), [from, transaction](catalog::Schema& s) {
                           for (auto& p : s.transactions[transaction].parameters)
                               p.fresh = p.fresh || from.contains(p.index);
                       }});
    }
    // Two rows that were given one number are two things: to make them one would lose one silently.
    if (allocated) return;
    out.push_back(
        {"on_conflict",
         place(schema_.transactions[transaction].span) + "write INSERT INTO " + table.display() +
             " ... ON CONFLICT DO NOTHING in " + schema_.transactions[transaction].name +
             ": the key is then the identity, and two inserts of one key are one row (right where both "
             "mean the same thing)",
         "on_conflict", [id](catalog::Schema& s) {
             for (auto& t : s.transactions) {
                 each_insert(t, id, [](sql::Insert& insert) {
                     if (insert.on_conflict.action != sql::ConflictAction::none) return;
                     insert.on_conflict.action = sql::ConflictAction::nothing;
                     insert.on_conflict.key = 0;
                 });
             }
         }});
}

void Repairer::merge_max(std::uint32_t transaction, std::uint32_t invariant,
                         std::vector<Candidate>& out) const {
    const catalog::Invariant& what = schema_.invariants[invariant];
    const std::uint32_t column = std::get<catalog::LostUpdateInvariant>(what.what).column.value;
    const catalog::Table& table = schema_.table(what.table);
    std::optional<bool> max;
    for (const catalog::Transaction& t : schema_.transactions) {
        for (const auto& statement : t.body) {
            const auto* update = std::get_if<sql::Update>(&statement->body);
            if (update == nullptr || update->table != what.table) continue;
            const bool assigns = std::any_of(update->assignments.begin(), update->assignments.end(),
                                             [&](const auto& a) { return a.column.value == column; });
            if (!assigns) continue;
            const auto raise = raise_of(*update, column);
            if (!raise || (max && *max != raise->max)) return;
            max = raise->max;
        }
    }
    if (!max) return;
    const std::string name = table.columns[column].name;
    const std::string func = *max ? "greatest" : "least";
    out.push_back({*max ? "merge_max" : "merge_min",
                   place(schema_.transactions[transaction].span) + "write SET " + name + " = " + func + "(" +
                       name + ", ...) without the comparison in WHERE: " + table.display() + "." + name +
                       " then merges by " + (*max ? "maximum" : "minimum") + " and no update is lost",
                   "raise", [table_id = what.table, column](catalog::Schema& s) {
                       for (auto& t : s.transactions) {
                           for (auto& statement : t.body) {
                               const auto* update = std::get_if<sql::Update>(&statement->body);
                               if (update == nullptr || update->table != table_id) continue;
                               const auto raise = raise_of(*update, column);
                               if (!raise) continue;
                               auto copy = std::make_shared<sql::Statement>(*statement);
                               rewrite(std::get<sql::Update>(copy->body), column, *raise);
                               statement = copy;
                           }
                       }
                   }});
}

void Repairer::escrow(std::uint32_t transaction, std::uint32_t invariant, std::vector<Repair>& out) {
    const auto known = certificates_.find(invariant);
    const auto& certificate =
        known != certificates_.end()
            ? known->second
            : certificates_.emplace(invariant, certify_escrow(analysis_, invariant)).first->second;
    if (!certificate) return;
    std::string costs;
    bool spends = false;
    for (const auto& cost : certificate->costs) {
        if (cost.free) continue;
        spends |= cost.transaction == transaction;
        costs += (costs.empty() ? "" : ", ") + schema_.transactions[cost.transaction].name + " spends " +
                 cost.text;
    }
    if (!spends) return;
    out.push_back({"escrow", "split the slack of " + schema_.invariants[invariant].name +
                                 " among the replicas as rights: " + costs +
                                 "; whoever holds enough of them need not ask"});
}

}  // namespace anabranch::confluence
