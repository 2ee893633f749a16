#include "confluence/search_arguments.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

#include "confluence/walk.h"
#include "confluence/wording.h"
#include "lib/exec/schema_plans.h"
#include "lib/sql/bind_walk.h"

namespace anabranch::confluence {

namespace {

constexpr std::size_t stored_max = 3;  // rows of a table that lend their values
constexpr std::size_t slack_max = 3;   // distances to limits
constexpr std::size_t values_max = 6;  // per parameter
constexpr std::size_t product_max = 1024;

const sql::Param* parameter_of(const sql::ExprPtr& e) {
    const auto* at = sql::uncast(e);
    return at == nullptr ? nullptr : std::get_if<sql::Param>(&at->node);
}

bool is_text(const sql::Type& type) {
    return !type.array && (type.id == sql::TypeId::text || type.id == sql::TypeId::varchar ||
                           type.id == sql::TypeId::bpchar);
}
bool is_number(const sql::Type& type) {
    return sql::is_integer(type) ||
           (!type.array && (type.id == sql::TypeId::numeric || type.id == sql::TypeId::float8 ||
                            type.id == sql::TypeId::float4));
}

// Constants that a schema mentions.
struct Constants final : Walker {
    std::set<std::int64_t> integers;
    std::set<std::int64_t> sums;  // whole numbers of type numeric, as the sum of a bigint column is
    std::set<std::string> words;
    void on_node(const sql::Expr& e) override {
        const auto* constant = std::get_if<sql::Const>(&e.node);
        if (constant == nullptr || constant->null) return;
        if (sql::is_integer(e.type)) integers.insert(constant->integer);
        if (e.type.id == sql::TypeId::numeric) whole(constant->bytes);
        if (is_text(e.type)) words.insert(constant->bytes);
    }

  private:
    void whole(const std::string& number) {
        std::int64_t value = 0;
        const char* const end = number.data() + number.size();
        const auto read = std::from_chars(number.data(), end, value);
        if (read.ec == std::errc() && read.ptr == end) sums.insert(value);
    }
};

}  // namespace

// Which columns a parameter is compared with (=) or written to, and which it changes by some amount.
class SearchArguments::Association final : public Walker {
  public:
    using Map = std::map<std::uint32_t, std::set<Column>>;
    explicit Association(Map& out, Map& changes) : out_(out), changes_(changes) {}

  protected:
    void on_node(const sql::Expr& e) override {
        const auto* call = std::get_if<sql::Call>(&e.node);
        if (call == nullptr || call->args.size() != 2 || call->func != sql::Func::eq) return;
        for (std::size_t i = 0; i < 2; ++i) {
            const auto* other = sql::uncast(call->args[1 - i]);
            if (const auto* parameter = parameter_of(call->args[i]);
                parameter != nullptr && other != nullptr &&
                std::holds_alternative<sql::ColumnRef>(other->node))
                pending_ = static_cast<std::int64_t>(parameter->index);
        }
    }
    // The column of the comparison is the next one met.
    void on_column(TableId table, std::uint32_t column) override {
        if (pending_ >= 0) out_[static_cast<std::uint32_t>(pending_)].insert({table, column});
        pending_ = -1;
    }
    void on_insert(const sql::Insert& insert) override {
        if (insert.source == nullptr) return;
        const auto note = [&](const std::vector<sql::ExprPtr>& values) {
            for (std::size_t i = 0; i < values.size() && i < insert.columns.size(); ++i)
                if (const auto* parameter = parameter_of(values[i]))
                    out_[parameter->index].insert({insert.table, insert.columns[i].value});
        };
        note(insert.source->targets);
        for (const auto& row : insert.source->values) note(row);
    }
    void on_update(const sql::Update& update) override {
        for (const auto& assignment : update.assignments)
            if (const auto* parameter = parameter_of(assignment.value))
                out_[parameter->index].insert({update.table, assignment.column.value});
            else
                amount(update.table, assignment);
    }

  private:
    // c = c + p and the like.
    void amount(TableId table, const sql::Assignment& assignment) {
        struct Parts final : Walker {
            std::set<std::uint32_t> parameters;
            void on_node(const sql::Expr& e) override {
                if (const auto* parameter = std::get_if<sql::Param>(&e.node))
                    parameters.insert(parameter->index);
            }
        } parts;
        parts.expression(assignment.value);
        for (const auto index : parts.parameters) changes_[index].insert({table, assignment.column.value});
    }
    Map& out_;
    Map& changes_;
    std::int64_t pending_ = -1;
};

SearchArguments::SearchArguments(Engine& engine, const Seeds& seeds) : engine_(engine) {
    const auto& schema = engine.schema();
    Constants constants;
    for (const auto& transaction : schema.transactions)
        for (const auto& statement : transaction.body) constants.statement(*statement);
    for (const auto& statement : schema.initial) constants.statement(*statement);
    Constants limits;
    for (const auto& table : schema.tables)
        for (const auto& check : table.checks) limits.over_row(table.id, check.condition);
    for (const auto& invariant : schema.invariants)
        if (const auto* assertion = std::get_if<catalog::AssertionInvariant>(&invariant.what))
            limits.query(*assertion->violations);
    limits_.insert(limits.integers.begin(), limits.integers.end());
    sums_.assign(limits.sums.begin(), limits.sums.end());
    constants.integers.merge(limits.integers);
    constants.words.merge(limits.words);
    constants_.assign(constants.integers.begin(), constants.integers.end());
    words_.assign(constants.words.begin(), constants.words.end());
    parameters_.resize(schema.transactions.size());
    for (std::uint32_t t = 0; t < parameters_.size(); ++t) read(t, seeds);
    find_pattern();
}

void SearchArguments::find_pattern() {
    for (const auto& parameters : parameters_)
        for (const auto& call : parameters.suggested)
            for (std::size_t i = 0; i < call.size(); ++i) {
                const auto& columns = parameters.list[i].columns;
                if (columns.empty() || call[i].value.is_null() || parameters.list[i].fresh) continue;
                const bool seen = std::any_of(pattern_.begin(), pattern_.end(), [&](const sql::Datum& known) {
                    return identical(known, call[i].value);
                });
                if (!seen) pattern_.push_back(call[i].value);
            }
}

// A model's keys are made up, but which of them are equal matters: the suggested calls again, with keys that
// are there in place of the model's, in every way.
void SearchArguments::add_mapped(const Parameters& parameters, const crdt::Database& state,
                                 const std::vector<NamedKey>& names,
                                 std::vector<std::vector<CallValue>>& out) const {
    if (pattern_.size() < 2 || pattern_.size() > stored_max) return;
    std::vector<std::vector<CallValue>> stored;
    for (const auto& parameter : parameters.list) {
        stored.emplace_back();
        if (!parameter.columns.empty()) add_stored(parameter, state, names, stored.back());
    }
    std::vector<std::size_t> places{0, 1, 2};  // of the pattern's values among what is stored
    do {
        for (const auto& call : parameters.suggested) {
            auto mapped = call;
            bool changed = false;
            for (std::size_t i = 0; i < call.size(); ++i) {
                const auto at = std::find_if(pattern_.begin(), pattern_.end(), [&](const sql::Datum& value) {
                    return identical(value, call[i].value);
                });
                if (at == pattern_.end()) continue;
                const auto place = places[static_cast<std::size_t>(at - pattern_.begin())];
                if (place >= stored[i].size()) continue;
                mapped[i] = stored[i][place];
                changed = true;
            }
            if (changed) out.push_back(std::move(mapped));
        }
    } while (std::next_permutation(places.begin(), places.end()));
}

void SearchArguments::read(std::uint32_t t, const Seeds& seeds) {
    const auto& schema = engine_.schema();
    const auto& transaction = schema.transactions[t];
    Parameters& out = parameters_[t];
    if (transaction.skipped) return;
    Association::Map columns, changes;
    Association association(columns, changes);
    for (const auto& statement : transaction.body) association.statement(*statement);
    out.callable = true;
    for (const auto& declared : transaction.parameters) {
        using Mode = catalog::Parameter::Mode;
        if (declared.mode == Mode::variadic) out.callable = false;
        if (declared.mode == Mode::out) {
            out.place.push_back(-1);
            continue;
        }
        const std::size_t number = out.list.size();
        out.place.push_back(static_cast<int>(number));
        Parameter parameter{
            declared.type, declared.fresh, columns[declared.index], changes[declared.index], {}};
        // A reference takes the values of what it refers to.
        for (const Column& column : std::vector<Column>(parameter.columns.begin(), parameter.columns.end()))
            for (const auto& key : schema.table(column.table).foreign_keys)
                for (std::size_t i = 0; i < key.columns.size(); ++i)
                    if (key.columns[i].value == column.column)
                        parameter.columns.insert({key.parent, key.parent_columns[i].value});
        if (t < seeds.values.size() && number < seeds.values[t].size())
            for (const auto& text : seeds.values[t][number]) add_literal(parameter, text);
        add_defaults(parameter);
        out.has_fresh = out.has_fresh || declared.fresh;
        out.list.push_back(std::move(parameter));
    }
    for (const auto& call : seeds.apart) {
        if (call.transaction != t || call.arguments.size() != out.list.size()) continue;
        std::vector<CallValue> values;
        for (std::size_t i = 0; i < out.list.size(); ++i) {
            const auto value = engine_.literal(out.list[i].type, call.arguments[i]);
            if (value) values.push_back({call.arguments[i], *value});
        }
        if (values.size() == out.list.size()) out.suggested.push_back(std::move(values));
    }
}

void SearchArguments::add_literal(Parameter& parameter, const std::string& text) const {
    const auto value = engine_.literal(parameter.type, text);
    if (!value) return;
    for (const auto& known : parameter.literals)
        if (identical(known.value, *value)) return;
    parameter.literals.push_back({engine_.literal_text(parameter.type, *value), *value});
}

// What the seeds do not say: small numbers, constants of the schema and their neighbours, words.
void SearchArguments::add_defaults(Parameter& parameter) const {
    if (is_number(parameter.type)) {
        // An amount is most telling when it is small, or as large as what there is; a key when there are two
        // of it.
        add_literal(parameter, "1");
        for (const auto limit : sums_) add_literal(parameter, std::to_string(limit));
        if (parameter.columns.empty() && !constants_.empty())
            add_literal(parameter, std::to_string(constants_.back()));
        add_literal(parameter, "2");
        for (const auto constant : constants_) add_literal(parameter, std::to_string(constant));
        for (const auto constant : constants_)
            if (constant < 1'000'000'000'000 && constant > -1'000'000'000'000) {
                add_literal(parameter, std::to_string(constant + 1));
                add_literal(parameter, std::to_string(constant - 1));
            }
        for (const char* more : {"0", "-1", "80"}) add_literal(parameter, more);
    } else if (is_text(parameter.type)) {
        add_literal(parameter, "'ann'");
        for (const auto& word : words_)
            if (word.size() <= 20 && word.find('\'') == std::string::npos)
                add_literal(parameter, "'" + word + "'");
        for (const char* word : {"'bob'", "'dan'", "'eve'"}) add_literal(parameter, word);
    } else if (parameter.type.id == sql::TypeId::enum_ && !parameter.type.array) {
        for (std::int64_t label = 0; label < 3; ++label) {
            const auto* text = exec::plans_of(engine_.schema()).label(parameter.type.detail, label);
            if (text != nullptr) add_literal(parameter, "'" + *text + "'");
        }
    } else {
        for (const char* any :
             {"TRUE", "FALSE", "'00000000-0000-4000-8000-000000000001'",
              "'00000000-0000-4000-8000-000000000002'", "'2026-01-01'", "'2026-01-02'", "'{1}'", "'[1,5)'",
              "'[3,8)'", "'[2026-01-01,2026-01-05)'", "'[2026-01-03,2026-01-08)'", "'1 day'", "'{}'", "''"})
            if (parameter.literals.size() < 3) add_literal(parameter, any);
    }
}

void SearchArguments::add_stored(const Parameter& parameter, const crdt::Database& state,
                                 const std::vector<NamedKey>& names, std::vector<CallValue>& out) const {
    for (const auto& [table, column] : parameter.columns) {
        const sql::Type type = engine_.schema().table(table).columns[column].type;
        if (type.id != parameter.type.id || type.array != parameter.type.array) continue;
        std::size_t left = stored_max;
        state.scan(table, [&, number = column](exec::RowView row) {
            const sql::Datum value = row.get(number);
            if (value.is_null()) return true;
            const auto named = std::find_if(names.begin(), names.end(), [&](const NamedKey& key) {
                return key.type.id == type.id && identical(key.value, value) &&
                       (!sql::is_integer(type) || parameter.columns.contains({key.table, key.column}));
            });
            CallValue found;
            if (named != names.end()) {
                found = {named->name, named->value};
            } else {
                found = {engine_.literal_text(type, value),
                         value.is_bytes() ? sql::Datum::bytes(arena_.copy(value.as_bytes())) : value};
            }
            const bool seen = std::any_of(out.begin(), out.end(), [&](const CallValue& known) {
                return identical(known.value, found.value);
            });
            if (!seen) out.push_back(std::move(found));
            return --left > 0;
        });
    }
}

// How far what is stored is from a limit: an amount that one call may still take, and two calls may not.
void SearchArguments::add_slack(const Parameter& parameter, const crdt::Database& state,
                                std::vector<CallValue>& out) const {
    if (!sql::is_integer(parameter.type) || parameter.type.array) return;
    const auto add = [&](std::int64_t stored, std::int64_t limit) {
        std::int64_t amount = 0;
        if (__builtin_sub_overflow(stored, limit, &amount) || amount == INT64_MIN) return;
        if (amount < 0) amount = -amount;
        const std::string text = std::to_string(amount);
        const auto value = amount == 0 ? fail(Error{}) : engine_.literal(parameter.type, text);
        const bool seen = !value || std::any_of(out.begin(), out.end(), [&](const CallValue& known) {
            return identical(known.value, *value);
        });
        if (!seen && out.size() < slack_max) out.push_back({text, *value});
    };
    for (const auto& [table, column] : parameter.changes) {
        const sql::Type type = engine_.schema().table(table).columns[column].type;
        if (!sql::is_integer(type) || type.array) continue;
        std::size_t left = stored_max;
        state.scan(table, [&, number = column](exec::RowView row) {
            const sql::Datum value = row.get(number);
            if (value.is_null()) return true;
            const std::int64_t stored = value.as_integer();
            const auto above = limits_.upper_bound(stored);
            if (above != limits_.begin()) add(stored, *std::prev(above));
            if (above != limits_.end()) add(stored, *above);
            return --left > 0;
        });
    }
}

std::vector<CallValue> SearchArguments::values_of(const Parameter& parameter, const crdt::Database& state,
                                                  const std::vector<NamedKey>& names) const {
    std::vector<CallValue> stored, absent, out;
    add_slack(parameter, state, stored);
    add_stored(parameter, state, names, stored);
    const auto holds = [](const std::vector<CallValue>& list, const CallValue& value) {
        return std::any_of(list.begin(), list.end(),
                           [&](const CallValue& known) { return identical(known.value, value.value); });
    };
    for (const auto& literal : parameter.literals)
        if (!holds(stored, literal)) absent.push_back(literal);
    // Two calls that name two keys of what is there come before those that name one that is not.
    if (stored.size() > 1 && is_number(parameter.type) && !parameter.columns.empty()) {
        out.push_back(stored.front());
        stored.erase(stored.begin());
    }
    for (std::size_t i = 0; i < std::max(stored.size(), absent.size()) && out.size() < values_max; ++i) {
        if (i < stored.size()) out.push_back(stored[i]);
        if (i < absent.size()) out.push_back(absent[i]);
    }
    return out;
}

// All choices of one value from each of the first `lists` lists whose ranks have this sum, in the order of
// the places in the last list, then in the one before ...
void SearchArguments::combine(const std::vector<std::vector<CallValue>>& choices, std::size_t lists,
                              std::size_t sum, std::vector<std::size_t>& places, std::size_t limit,
                              std::vector<std::vector<CallValue>>& out) {
    if (out.size() >= limit) return;
    if (lists == 0) {
        if (sum != 0) return;
        std::vector<CallValue> values;
        for (std::size_t i = 0; i < places.size(); ++i) values.push_back(choices[i][places[i]]);
        out.push_back(std::move(values));
        return;
    }
    std::size_t below = 0;  // the most that the lists before this one can have
    for (std::size_t i = 0; i + 1 < lists; ++i) below += choices[i].size() - 1;
    const std::size_t size = choices[lists - 1].size();
    for (std::size_t place = sum > below ? sum - below : 0; place < size && place <= sum; ++place) {
        places[lists - 1] = place;
        combine(choices, lists - 1, sum - place, places, limit, out);
    }
}

std::vector<std::vector<CallValue>> SearchArguments::calls(std::uint32_t transaction,
                                                           const crdt::Database& state,
                                                           const std::vector<NamedKey>& names,
                                                           std::size_t limit) const {
    const Parameters& parameters = parameters_[transaction];
    if (!parameters.callable) return {};
    std::vector<std::vector<CallValue>> choices;
    std::size_t product = 1;
    for (const auto& parameter : parameters.list) {
        choices.push_back(values_of(parameter, state, names));
        if (parameter.fresh && choices.back().size() > 1) choices.back().resize(1);
        if (choices.back().empty()) return {};
        while (choices.back().size() > 1 && product * choices.back().size() > product_max)
            choices.back().pop_back();
        product *= choices.back().size();
    }
    std::vector<std::vector<CallValue>> out = parameters.suggested;
    add_mapped(parameters, state, names, out);
    limit += out.size() - parameters.suggested.size();
    // Combinations, those of better ranks first.
    std::size_t ranks = 0;
    for (const auto& list : choices) ranks += list.size() - 1;
    std::vector<std::size_t> places(choices.size());
    for (std::size_t sum = 0; sum <= ranks && out.size() < limit; ++sum)
        combine(choices, choices.size(), sum, places, limit, out);
    return out;
}

void SearchArguments::refresh(SearchCall& call, std::uint32_t number) const {
    const Parameters& parameters = parameters_[call.transaction];
    if (!parameters.has_fresh) return;
    for (std::size_t i = 0; i < parameters.list.size(); ++i) {
        const auto& parameter = parameters.list[i];
        if (!parameter.fresh) continue;
        const std::string digits = std::to_string(101 + number);
        std::string text = digits;
        if (is_text(parameter.type)) text = "'new" + digits + "'";
        if (parameter.type.id == sql::TypeId::uuid)
            text = "'00000000-0000-4000-8000-000000000" + digits + "'";
        if (const auto value = engine_.literal(parameter.type, text)) call.values[i] = {text, *value};
    }
}

void SearchArguments::expand(const SearchCall& call, std::vector<sql::Datum>& out) const {
    out.clear();
    for (const int place : parameters_[call.transaction].place)
        out.push_back(place < 0 ? sql::Datum() : call.values[static_cast<std::size_t>(place)].value);
}

std::vector<CallValue> SearchArguments::others(std::uint32_t transaction, std::size_t number,
                                               const std::string& text) const {
    const auto& parameter = parameters_[transaction].list[number];
    std::vector<CallValue> out;
    if (parameter.fresh) return out;
    for (const auto& literal : parameter.literals)
        if (literal.text != text && out.size() < values_max) out.push_back(literal);
    return out;
}

std::vector<CallValue> SearchArguments::simpler(std::uint32_t transaction, std::size_t number,
                                                const std::string& text) const {
    const auto& parameter = parameters_[transaction].list[number];
    std::vector<CallValue> out;
    if (parameter.fresh || text.starts_with('$')) return out;
    const auto add = [&](const std::string& candidate) {
        if (candidate == text) return false;
        if (const auto value = engine_.literal(parameter.type, candidate)) out.push_back({candidate, *value});
        return true;
    };
    if (is_number(parameter.type)) {
        const auto now = read_integer(text);
        for (const std::int64_t small : {1, 2, 3, 5, 10, 20, 50, 80, 100})
            if ((!now || *now <= 0 || *now > small) && !add(std::to_string(small))) break;
    } else if (is_text(parameter.type)) {
        if (std::find(words_.begin(), words_.end(), text.substr(1, text.size() < 2 ? 0 : text.size() - 2)) !=
            words_.end())
            return out;
        for (const char* word : {"'ann'", "'bob'", "'dan'", "'eve'"})
            if (!add(word)) break;
    }
    return out;
}

}  // namespace anabranch::confluence
