// A variant whose special members are compiled once. Copying, moving and destroying a variant are jump tables
// over all alternatives; a file that includes a tree of such nodes would compile them all anew.
#pragma once

#include <variant>

namespace anabranch::sql {

// `List::Variant` is the std::variant. ast.cpp defines the members and instantiates them for each list.
template <typename List>
struct Alternatives : List::Variant {
    using Base = typename List::Variant;
    using Base::Base;
    using Base::operator=;
    Alternatives();
    Alternatives(const Alternatives&);
    Alternatives(Alternatives&&) noexcept;
    Alternatives& operator=(const Alternatives&);
    Alternatives& operator=(Alternatives&&) noexcept;
    ~Alternatives();
};

}  // namespace anabranch::sql
