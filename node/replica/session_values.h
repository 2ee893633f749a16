// What built-ins ask of a session (current_user, current_setting(), ...) for statements that are run later
// than their client sent them, or at another node: as it was then.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/exec/engine.h"

namespace anabranch::replica {

class SessionValues final : public exec::VirtualTables {
  public:
    // `now` answers for the session that runs, and reads what it has kept before; null: nobody does.
    explicit SessionValues(const exec::VirtualTables* now) : now_(now) {}

    // While it lives, `then` answers, unless that is empty: it is what kept() gave.
    class Then {
      public:
        Then(SessionValues& values, std::string_view then)
            : values_(values), before_(std::exchange(values.then_, then)) {}
        ~Then() { values_.then_ = before_; }
        Then(const Then&) = delete;
        Then& operator=(const Then&) = delete;

      private:
        SessionValues& values_;
        std::string_view before_;
    };

    std::string kept() const override {
        if (!then_.empty()) return std::string(then_);
        return now_ == nullptr ? std::string() : now_->kept();
    }
    std::optional<std::string> kept(std::string_view then, std::string_view name) const override {
        return now_ == nullptr ? std::nullopt : now_->kept(then, name);
    }
    std::optional<std::string> setting(std::string_view name) const override {
        if (now_ == nullptr) return {};
        return then_.empty() ? now_->setting(name) : now_->kept(then_, name);
    }
    void rows(std::uint32_t virtual_table,
              FunctionRef<bool(std::span<const sql::Datum>)> visit) const override {
        if (now_ != nullptr) now_->rows(virtual_table, visit);
    }
    Result<std::string> configure(std::string_view name, std::string_view value, bool local) const override {
        if (now_ == nullptr) return std::string(value);
        return now_->configure(name, value, local);
    }

  private:
    const exec::VirtualTables* now_;
    std::string_view then_;
};

}  // namespace anabranch::replica
