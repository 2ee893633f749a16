// Splitting: what a transaction does beside its conflict becomes a transaction of its own, which is free;
// what is left is ordered as before, and shorter. Statements stay together when one reads what the other
// writes, when both write the same columns, and when one invariant reads what both write. So an invariant
// that one of the parts can hurt is not touched by the other: where the whole commits, each part does.
#include <algorithm>

#include "confluence/repair.h"
#include "confluence/walk.h"
#include "confluence/wording.h"

namespace anabranch::confluence {

namespace {

bool meet(const std::set<std::uint32_t>& a, const std::set<std::uint32_t>& b) {
    return std::any_of(a.begin(), a.end(), [&](std::uint32_t x) { return b.contains(x); });
}

// One statement of the transaction.
struct Piece {
    Access access;
    Touches touches;
    bool guards = false;  // nothing but a condition that must hold
    std::size_t part = 0;
};

bool reads_what(const Access& access, const Touches& touches) {
    return std::any_of(touches.begin(), touches.end(), [&](const auto& entry) {
        const auto& [table, touch] = entry;
        const auto use = access.tables.find(table);
        if (use == access.tables.end()) return false;
        return ((touch.appear || touch.vanish) && use->second.rows_read) ||
               meet(touch.columns, use->second.reads);
    });
}

bool writes_the_same(const Touches& a, const Touches& b) {
    return std::any_of(a.begin(), a.end(), [&](const auto& entry) {
        const auto other = b.find(entry.first);
        return other != b.end() && meet(entry.second.columns, other->second.columns);
    });
}

class Pieces {
  public:
    Pieces(const catalog::Schema& schema, const catalog::Transaction& transaction) : schema_(schema) {
        for (const auto& statement : transaction.body) {
            catalog::Transaction alone;
            alone.body = {statement};
            Piece piece;
            piece.access = access_of(alone);
            piece.touches = touches_of(schema, piece.access);
            const auto* query = std::get_if<sql::QueryPtr>(&statement->body);
            piece.guards = piece.touches.empty() && query != nullptr && has_guard(**query);
            piece.part = pieces_.size();
            pieces_.push_back(std::move(piece));
        }
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            for (std::size_t j = i + 1; j < pieces_.size(); ++j)
                if (belong_together(pieces_[i], pieces_[j])) join(i, j);
        }
    }

    // A condition that reads what the transaction itself writes cannot be asked in both parts.
    bool divisible() const {
        return std::none_of(pieces_.begin(), pieces_.end(), [&](const Piece& guard) {
            return guard.guards && std::any_of(pieces_.begin(), pieces_.end(), [&](const Piece& piece) {
                       return reads_what(guard.access, piece.touches);
                   });
        });
    }

    // Statements that write, in parts that cannot hurt any of these invariants.
    std::set<std::size_t> beside(const std::set<std::uint32_t>& invariants) const {
        std::set<std::size_t> bound;
        for (const Piece& piece : pieces_) {
            for (const std::uint32_t i : invariants)
                if (may_hurt(schema_, schema_.invariants[i], piece.touches)) bound.insert(piece.part);
        }
        std::set<std::size_t> out;
        for (std::size_t i = 0; i < pieces_.size(); ++i)
            if (!pieces_[i].touches.empty() && !bound.contains(pieces_[i].part)) out.insert(i);
        return out;
    }

    bool guards(std::size_t statement) const { return pieces_[statement].guards; }

  private:
    bool belong_together(const Piece& a, const Piece& b) const {
        if (a.touches.empty() || b.touches.empty()) return false;
        if (reads_what(a.access, b.touches) || reads_what(b.access, a.touches)) return true;
        if (writes_the_same(a.touches, b.touches)) return true;
        return std::any_of(schema_.invariants.begin(), schema_.invariants.end(), [&](const auto& invariant) {
            return may_hurt(schema_, invariant, a.touches) && may_hurt(schema_, invariant, b.touches);
        });
    }
    void join(std::size_t i, std::size_t j) {
        const std::size_t from = pieces_[j].part, to = pieces_[i].part;
        for (Piece& piece : pieces_)
            if (piece.part == from) piece.part = to;
    }

    const catalog::Schema& schema_;
    std::vector<Piece> pieces_;
};

// UPDATE stock, INSERT INTO history ...
std::string words_of(const catalog::Schema& schema, const sql::Statement& statement) {
    if (const auto* update = std::get_if<sql::Update>(&statement.body))
        return "UPDATE " + schema.table(update->table).display();
    if (const auto* insert = std::get_if<sql::Insert>(&statement.body))
        return "INSERT INTO " + schema.table(insert->table).display();
    if (const auto* remove = std::get_if<sql::Delete>(&statement.body))
        return "DELETE FROM " + schema.table(remove->table).display();
    return "WITH";
}

// The free part, with the conditions that both parts begin with.
catalog::Transaction apart_of(const catalog::Transaction& whole, const Pieces& pieces,
                              const std::set<std::size_t>& beside) {
    catalog::Transaction apart = whole;
    apart.name += "_apart";
    apart.body.clear();
    UsedParameters parameters;
    for (std::size_t i = 0; i < whole.body.size(); ++i) {
        if (!pieces.guards(i) && !beside.contains(i)) continue;
        apart.body.push_back(whole.body[i]);
        parameters.statement(*whole.body[i]);
    }
    std::erase_if(apart.parameters,
                  [&](const catalog::Parameter& p) { return !parameters.used.contains(p.index); });
    return apart;
}

catalog::Transaction without(const catalog::Transaction& whole, const std::set<std::size_t>& beside) {
    catalog::Transaction rest = whole;
    rest.body.clear();
    for (std::size_t i = 0; i < whole.body.size(); ++i)
        if (!beside.contains(i)) rest.body.push_back(whole.body[i]);
    return rest;
}

}  // namespace

std::optional<Repair> Repairer::split_of(std::uint32_t transaction) const {
    const catalog::Transaction& whole = schema_.transactions[transaction];
    // What a function returns may come from any of its statements.
    if (schema_.assumed_transactions || !whole.is_procedure || !whole.columns.empty()) return std::nullopt;
    const Pieces pieces(schema_, whole);
    std::set<std::uint32_t> broken;
    for (const auto& [first, second, invariant] : known_)
        if (first == transaction || second == transaction) broken.insert(invariant);
    const std::set<std::size_t> beside = pieces.beside(broken);
    if (beside.empty() || !pieces.divisible()) return std::nullopt;
    const catalog::Transaction apart = apart_of(whole, pieces, beside);
    const catalog::Transaction rest = without(whole, beside);
    if (!access_of(rest).writes_any()) return std::nullopt;
    const auto number = static_cast<std::uint32_t>(schema_.transactions.size());
    const auto change = [&](catalog::Schema& s) {
        s.transactions[transaction] = rest;
        s.transactions.push_back(apart);
    };
    Question question{{transaction, number}, {}, baseline()};
    question.baseline.skipped = known_;
    if (!frees(change, std::move(question))) return std::nullopt;
    std::vector<std::string> moved, guards, parameters;
    for (std::size_t i = 0; i < whole.body.size(); ++i) {
        const std::string at = line(whole.body[i]->span);
        if (beside.contains(i)) moved.push_back(words_of(schema_, *whole.body[i]) + " (line " + at + ")");
        if (pieces.guards(i)) guards.push_back(at);
    }
    for (const catalog::Parameter& p : apart.parameters) parameters.push_back(p.name);
    std::string text = place(whole.body[*beside.begin()]->span) + "move " + join_and(moved) + " out of " +
                       whole.name + " into CREATE PROCEDURE " + apart.name + "(" + join(parameters, ", ") +
                       "), which conflicts with nobody; " + whole.name +
                       " is ordered as before, for what is left of it";
    if (!guards.empty()) text += ". Both begin with the condition of line " + join_and(guards);
    return Repair{"split",
                  text + ". They are then two calls: one may be refused where the other has committed"};
}

void Repairer::split(std::uint32_t transaction, std::vector<Repair>& out) {
    auto found = splits_.find(transaction);
    if (found == splits_.end()) found = splits_.emplace(transaction, split_of(transaction)).first;
    if (found->second) out.push_back(*found->second);
}

}  // namespace anabranch::confluence
