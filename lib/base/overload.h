// One visitor for std::visit out of several lambdas.
#pragma once

namespace anabranch {

template <typename... Fs>
struct Overload : Fs... {
    using Fs::operator()...;
};
template <typename... Fs>
Overload(Fs...) -> Overload<Fs...>;

}  // namespace anabranch
