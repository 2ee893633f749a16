// Seeds: what the analysis suggests to the bounded search. A solver's model is a state that may be
// unreachable and calls that may be ugly; as a suggestion it saves the search almost all of its work. Nothing
// here is trusted: a witness counts only when it has been replayed.
//
// Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace anabranch::confluence {

struct SuggestedCall {
    std::uint32_t transaction = 0;  // index into Schema::transactions
    std::vector<std::string>
        arguments;  // SQL literals of the IN and INOUT parameters, in order; empty text: nothing is known
};

struct Seeds {
    // Indexed by transaction, then IN parameter: SQL literals worth trying, best first (the model's, then
    // constants of the schema and of the initial rows that the parameter is compared with, then small values
    // of the type). Never empty for a transaction that takes part.
    std::vector<std::vector<std::vector<std::string>>> values;
    // The two calls that run apart, as the model has them.
    std::vector<SuggestedCall> apart;
    // Transactions that may build the state that the two calls need, most useful first (they write tables
    // that `apart` or the invariant read).
    std::vector<std::uint32_t> builders;
};

}  // namespace anabranch::confluence
