// One replica in memory that takes SQL text and answers in text: what the executor's tests talk to.
//
// Answers: rows as `a|b` lines (NULL is empty), sorted unless the statement orders them; `INSERT 1`, `UPDATE
// 0`, `CALL` without rows; errors as `ERROR 23514: message`, then DETAIL and HINT lines. BEGIN, COMMIT and
// ROLLBACK group statements; else each is its own transaction.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/catalog/load.h"
#include "lib/exec/engine.h"
#include "tests/support/memory_store.h"

namespace anabranch::test {

class CountingOrigin final : public exec::Origin {
  public:
    Instant now() const override { return {1'700'000'000'000'000}; }
    Random& random() override { return random_; }
    std::int64_t next_identity(TableId table, ColumnId) override { return ++identities_[table.value]; }

  private:
    Random random_{1};
    std::map<std::uint32_t, std::int64_t> identities_;
};

class Shell {
  public:
    // Throws std::runtime_error with the rendered errors when the schema does not load.
    explicit Shell(const std::string& schema_text);
    std::string execute(const std::string& statement);
    std::string explain(const std::string& statement);
    // Runs it and shows the WriteSet: "accounts 1: balance add -80".
    std::string writes(const std::string& statement);
    std::vector<std::string> violations();

    const catalog::SchemaPtr& schema() const { return schema_; }
    MemoryStore& store() { return *store_; }
    exec::Origin& origin() { return origin_; }

  private:
    Result<std::string> run(const std::string& text);
    Result<std::string> call(const catalog::BoundText& bound);
    std::string finish();
    std::string describe(const exec::WriteSet& writes) const;

    catalog::SchemaPtr schema_;
    std::unique_ptr<MemoryStore> store_;
    CountingOrigin origin_;
    std::unique_ptr<exec::TransactionRun> run_;
    bool block_ = false, failed_ = false;
    std::string described_;
};

}  // namespace anabranch::test
