// From statement text to a Runnable: bound, compiled, routed. Cached by the caller per text.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/replica/ordered.h"

namespace anabranch::replica {

class Preparer final : public Ordered::Runnables {
  public:
    Preparer(State& state, StatementAnalyst* analyst) : state_(state), analyst_(analyst) {}
    Result<RunnablePtr> prepare(std::string_view text, std::span<const sql::Type> types);
    Result<RunnablePtr> of_transaction(const std::string& name) override;
    Result<RunnablePtr> of_statement(const std::string& text, const std::vector<sql::Type>& types) override {
        return prepare(text, types);
    }

  private:
    Result<void> prepare_call(Runnable& runnable, const catalog::BoundText::CallOf& call);
    exec::CompiledPtr body_of(std::uint32_t transaction);

    State& state_;
    StatementAnalyst* analyst_;
    std::map<std::uint32_t, exec::CompiledPtr> bodies_;
    std::map<std::string, RunnablePtr> by_name_;
};

}  // namespace anabranch::replica
