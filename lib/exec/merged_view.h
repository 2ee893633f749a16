// The store with a transaction's own writes over it: what statements and constraint checks read. Order of a
// scan is that of the index.
#pragma once

#include <string>
#include <string_view>

#include "lib/exec/key_reader.h"
#include "lib/exec/overlay.h"
#include "lib/exec/store.h"

namespace anabranch::exec {

class MergedView final : public Overlay::Indexer {
  public:
    MergedView(const SchemaPlans& plans, const Store& store, Overlay& overlay, KeyReader& keys);

    // The store as the transaction sees it, has made it, or found it.
    RowView find(TableId table, std::string_view primary_key, Moment moment) const;
    // Rows with index keys in [low, high); an empty `high` means no upper bound.
    void scan(TableId table, IndexId index, std::string_view low, std::string_view high, bool reverse,
              Moment moment, RowVisitor visit);
    void scan_all(TableId table, bool reverse, Moment moment, RowVisitor visit);

    const Store& store() const { return store_; }
    void index(TableId table, Overlay::Version version) override;

  private:
    struct Own {  // an own row in the range of a scan
        std::string key;
        std::string_view primary;
        RowView row;
    };
    std::vector<Own> own_rows(TableId table, const IndexPlan& index, std::string_view low,
                              std::string_view high, bool reverse, Moment moment);
    Overlay::Tree& tree(TableId table, const IndexPlan& index);
    void merge(TableId table, const IndexPlan& index, const std::vector<Own>& own, bool reverse,
               Moment moment, RowVisitor visit, FunctionRef<void(RowVisitor)> stored);

    const SchemaPlans& plans_;
    const Store& store_;
    Overlay& overlay_;
    KeyReader& keys_;
};

}  // namespace anabranch::exec
