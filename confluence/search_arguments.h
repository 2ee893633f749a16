// Arguments worth trying. A key parameter is most useful with a key that is there, or with one that is not;
// so the values of a parameter are those of the columns it is compared with or written to, at the state in
// question, and the seeds. Names stand for keys that the system made.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "confluence/engine.h"
#include "confluence/seeds.h"
#include "lib/catalog/schema.h"

namespace anabranch::confluence {

struct CallValue {
    std::string text;  // SQL literal, or $name
    sql::Datum value;  // owned by the engine, or by the search's arena
};
struct SearchCall {
    std::uint32_t transaction = 0;
    std::vector<CallValue> values;   // IN and INOUT parameters
    std::vector<std::string> names;  // of the keys that this call generates
};
// A key that a call of the history generated.
struct NamedKey {
    TableId table;
    std::uint32_t column = 0;
    std::string name;
    sql::Type type;
    sql::Datum value;
};

class SearchArguments {
  public:
    SearchArguments(Engine& engine, const Seeds& seeds);
    // Value lists for the parameters of a transaction, best first, at most `limit`. `fresh` numbers the
    // values of merge.fresh parameters: calls of one history must differ in it.
    std::vector<std::vector<CallValue>> calls(std::uint32_t transaction, const crdt::Database& state,
                                              const std::vector<NamedKey>& names, std::size_t limit) const;
    bool has_fresh(std::uint32_t transaction) const { return parameters_[transaction].has_fresh; }
    // Sets the values of fresh parameters.
    void refresh(SearchCall& call, std::uint32_t number) const;
    // The parameter list that a compiled body takes: OUT parameters are NULL.
    void expand(const SearchCall& call, std::vector<sql::Datum>& out) const;
    bool callable(std::uint32_t transaction) const { return parameters_[transaction].callable; }
    // Literals to try instead of `text` when a witness is made readable, best first.
    std::vector<CallValue> simpler(std::uint32_t transaction, std::size_t parameter,
                                   const std::string& text) const;
    // Other literals for the same parameter.
    std::vector<CallValue> others(std::uint32_t transaction, std::size_t parameter,
                                  const std::string& text) const;
    const sql::Type& type(std::uint32_t transaction, std::size_t parameter) const {
        return parameters_[transaction].list[parameter].type;
    }

  private:
    struct Column {
        TableId table;
        std::uint32_t column = 0;
        auto operator<=>(const Column&) const = default;
    };
    struct Parameter {
        sql::Type type;
        bool fresh = false;
        std::set<Column> columns;         // it is compared with, or written to
        std::set<Column> changes;         // it is added to these, or taken from them
        std::vector<CallValue> literals;  // the seeds'
    };
    struct Parameters {
        std::vector<Parameter> list;  // IN and INOUT
        std::vector<int> place;       // per parameter of the body: index into `list`, -1: NULL
        std::vector<std::vector<CallValue>> suggested;
        bool has_fresh = false;
        bool callable = false;
    };
    class Association;
    void read(std::uint32_t transaction, const Seeds& seeds);
    static void combine(const std::vector<std::vector<CallValue>>& choices, std::size_t lists,
                        std::size_t sum, std::vector<std::size_t>& places, std::size_t limit,
                        std::vector<std::vector<CallValue>>& out);
    void add_literal(Parameter& parameter, const std::string& text) const;
    void add_defaults(Parameter& parameter) const;
    std::vector<CallValue> values_of(const Parameter& parameter, const crdt::Database& state,
                                     const std::vector<NamedKey>& names) const;
    void add_stored(const Parameter& parameter, const crdt::Database& state,
                    const std::vector<NamedKey>& names, std::vector<CallValue>& out) const;

    Engine& engine_;
    mutable Arena arena_;
    std::vector<Parameters> parameters_;  // by transaction
    std::vector<sql::Datum> pattern_;  // values in the suggested calls that stand for stored keys, each once
    void find_pattern();
    void add_mapped(const Parameters& parameters, const crdt::Database& state,
                    const std::vector<NamedKey>& names, std::vector<std::vector<CallValue>>& out) const;
    void add_slack(const Parameter& parameter, const crdt::Database& state,
                   std::vector<CallValue>& out) const;

    std::vector<std::int64_t> constants_;  // integers that the schema mentions
    std::set<std::int64_t> limits_{0};     // those of them that an invariant mentions
    std::vector<std::int64_t> sums_;       // what assertions compare sums with
    std::vector<std::string> words_;       // texts that the schema mentions
};

}  // namespace anabranch::confluence
