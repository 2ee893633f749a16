// Transactions for a schema that declares none: one insert, update and delete of a single row for each table,
// as SQL text.
#include <algorithm>

#include "lib/catalog/draft.h"
#include "lib/sql/parse.h"
#include "lib/sql/print.h"
#include "lib/sql/value.h"

namespace anabranch::catalog {

namespace {

bool made_by_the_system(const DraftColumn& c) {
    if (c.identity != Identity::none || c.generated) return true;
    const auto* call = c.default_value ? std::get_if<ast::FunctionCall>(&c.default_value->node) : nullptr;
    return call != nullptr && (call->name.name == "gen_random_uuid" || call->name.name == "uuid_generate_v4");
}

class Author {
  public:
    Author(const Draft& draft, const DraftTable& table) : draft_(draft), table_(table) {
        if (const DraftConstraint* key = table.primary_key()) key_ = std::get<ast::Key>(key->node).columns;
    }

    std::string text() {
        std::string out = insert();
        if (!key_.empty()) out += update() + remove();
        return out;
    }

  private:
    std::string type_of(const DraftColumn& c) const {
        if (c.type.domain) {
            const DraftDomain& d = draft_.domains[*c.type.domain];
            return sql::quote_identifier(d.schema) + "." + sql::quote_identifier(d.name);
        }
        if (c.type.type.id == sql::TypeId::enum_) {
            const DraftEnum& e = draft_.enums[c.type.type.detail];
            return sql::quote_identifier(e.schema) + "." + sql::quote_identifier(e.name) +
                   (c.type.type.array ? "[]" : "");
        }
        return sql::type_name(c.type.type);
    }
    // Adds a parameter and returns the $n that names it.
    std::string parameter(const DraftColumn& c) {
        parameters_ += (count_ == 0 ? "" : ", ") + sql::quote_identifier(c.name) + " " + type_of(c);
        return "$" + std::to_string(++count_);
    }
    std::string procedure(const std::string& verb, const std::string& body) {
        std::string out = "CREATE PROCEDURE " + sql::quote_identifier(table_.schema) + "." +
                          sql::quote_identifier(verb + "_" + table_.name) + "(" + parameters_ +
                          ") BEGIN ATOMIC " + body + "; END;\n";
        parameters_.clear();
        count_ = 0;
        return out;
    }
    std::string table() const {
        return sql::quote_identifier(table_.schema) + "." + sql::quote_identifier(table_.name);
    }
    bool is_key(const DraftColumn& c) const {
        return std::find(key_.begin(), key_.end(), c.name) != key_.end();
    }
    std::string where() {
        std::string out;
        for (const std::string& name : key_)
            out += (out.empty() ? " WHERE " : " AND ") + sql::quote_identifier(name) + " = " +
                   parameter(*table_.find(name));
        return out;
    }

    std::string insert() {
        std::string names, values;
        for (const DraftColumn& c : table_.columns) {
            if (made_by_the_system(c)) continue;
            names += (names.empty() ? "" : ", ") + sql::quote_identifier(c.name);
            values += (values.empty() ? "" : ", ") + parameter(c);
        }
        return procedure(
            "insert", "INSERT INTO " + table() +
                          (names.empty() ? " DEFAULT VALUES" : " (" + names + ") VALUES (" + values + ")"));
    }
    std::string update() {
        std::string sets;
        const std::string condition = where();
        for (const DraftColumn& c : table_.columns)
            if (!is_key(c) && !c.generated && c.identity == Identity::none)
                sets += (sets.empty() ? "" : ", ") + sql::quote_identifier(c.name) + " = " + parameter(c);
        if (sets.empty()) {
            parameters_.clear();
            count_ = 0;
            return {};
        }
        return procedure("update", "UPDATE " + table() + " SET " + sets + condition);
    }
    std::string remove() {
        const std::string condition = where();
        return procedure("delete", "DELETE FROM " + table() + condition);
    }

    const Draft& draft_;
    const DraftTable& table_;
    std::vector<std::string> key_;
    std::string parameters_;
    int count_ = 0;
};

// A function that only reads, as schemas have them for views and policies, is no transaction to rely on.
bool writes(const ast::CreateRoutine& routine) {
    if (routine.volatility != ast::Volatility::Volatile) return false;
    const auto* body = std::get_if<ast::SqlBody>(&routine.body);
    if (body == nullptr) return false;
    return std::any_of(body->statements.begin(), body->statements.end(), [](const ast::Statement& statement) {
        const auto* query = std::get_if<ast::Query>(&statement.node);
        if (query == nullptr) return true;
        return std::any_of(query->with.tables.begin(), query->with.tables.end(), [](const auto& table) {
            return !std::holds_alternative<ast::Query>(table.statement->node);
        });
    });
}

bool widen(DraftColumn& c) {
    const auto id = c.type.type.id;
    if (c.type.domain || c.type.type.array || (id != sql::TypeId::int2 && id != sql::TypeId::int4))
        return false;
    c.type.type.id = sql::TypeId::int8;
    return true;
}

// Columns that refer to a bigint key; true when one was widened.
bool widen_references(Draft& draft, DraftTable& table) {
    bool any = false;
    for (const DraftConstraint& constraint : table.constraints) {
        const auto* key = std::get_if<ast::ForeignKey>(&constraint.node);
        DraftTable* parent = key == nullptr ? nullptr : draft.find_table(key->table);
        if (parent == nullptr) continue;
        std::vector<std::string> referenced = key->referenced;
        if (const DraftConstraint* primary = parent->primary_key(); primary != nullptr && referenced.empty())
            referenced = std::get<ast::Key>(primary->node).columns;
        for (std::size_t i = 0; i < key->columns.size() && i < referenced.size(); ++i) {
            const DraftColumn* target = parent->find(referenced[i]);
            DraftColumn* own = table.find(key->columns[i]);
            if (target != nullptr && own != nullptr && target->type.type.id == sql::TypeId::int8)
                any = widen(*own) || any;
        }
    }
    return any;
}

void widen_made_keys(Draft& draft, Reporter& reporter) {
    for (DraftTable& t : draft.tables)
        for (DraftColumn& c : t.columns)
            if (!t.dropped && (c.serial || c.identity != Identity::none) && widen(c))
                reporter.warn(c.span, "the values the system makes for \"" + c.name +
                                          "\" carry the replica's prefix and need 64 bits: it is analysed as "
                                          "bigint, and so is what refers to it");
    for (bool again = true; again;) {
        again = false;
        for (DraftTable& t : draft.tables) again = (!t.dropped && widen_references(draft, t)) || again;
    }
}

}  // namespace

bool assume_transactions(Draft& draft, Reporter& reporter) {
    for (const DraftObject& o : draft.objects)
        if (const auto* r = std::get_if<ast::CreateRoutine>(&o.node);
            r != nullptr && !o.dropped && writes(*r))
            return false;
    widen_made_keys(draft, reporter);
    for (const DraftTable& t : draft.tables) {
        if (t.dropped) continue;
        const sql::Source source("assumed", Author(draft, t).text());
        for (ast::Statement& s : sql::parse_script(source).statements) {
            auto& r = std::get<ast::CreateRoutine>(s.node);
            r.name.span = t.span;
            draft.objects.push_back({t.schema, r.name.name, std::move(r), {}, t.span, false});
        }
    }
    return true;
}

}  // namespace anabranch::catalog
