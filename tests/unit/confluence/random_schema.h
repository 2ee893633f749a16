// Small random schemas with their transactions, as SQL text: tables with keys, references, checks and
// assertions, and procedures that insert, count, assign, move and delete under guards. The same seed gives
// the same text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/random.h"

namespace anabranch::test {

class RandomSchema {
  public:
    explicit RandomSchema(Random& random) : random_(random) {}
    // With two to so many procedures: the pairs of them are what a look at the schema costs.
    std::string make(std::uint32_t procedures_max = 4);

  private:
    // How the declared transactions write column n of a table.
    enum class Numbers { counter, register_, max, mixed };
    struct Table {
        std::string name, alias;
        bool identity = false, other = false, status = false, parent = false, nullable_parent = false;
        Numbers numbers = Numbers::counter;
        std::string unique;  // a column with a unique key
    };

    bool chance(double probability) { return random_.chance(probability); }
    const std::string& pick(const std::vector<std::string>& list) {
        return list[static_cast<std::size_t>(random_.below(list.size()))];
    }
    const Table& any_table() { return tables_[static_cast<std::size_t>(random_.below(tables_.size()))]; }

    std::string table(Table& t, bool child);
    std::string initial(const Table& t);
    std::string assertions();
    std::string procedure(std::size_t number);
    std::string statement();
    std::string insert(const Table& t);
    std::string update(const Table& t);
    std::string remove(const Table& t);
    std::string copy();
    std::string whole();
    std::string guard();
    std::string where(const Table& t);
    std::string amount();
    std::string number();  // a new value of a column n

    Random& random_;
    std::vector<Table> tables_;
};

}  // namespace anabranch::test
