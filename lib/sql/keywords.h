// The keywords of PostgreSQL's grammar, as pg_get_keywords() lists them: clients ask what to quote.
#pragma once

#include <string_view>
#include <vector>

namespace anabranch::sql {

struct Keyword {
    std::string_view word;
    char category = 'U';      // U, C, T or R
    bool bare_label = false;  // may name an output column without AS
};

std::vector<Keyword> keywords();  // by word
std::string_view category_text(const Keyword& keyword);

}  // namespace anabranch::sql
