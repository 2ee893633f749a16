#include "lib/exec/merged_view.h"

#include <algorithm>

namespace anabranch::exec {

MergedView::MergedView(const SchemaPlans& plans, const Store& store, Overlay& overlay, KeyReader& keys)
    : plans_(plans), store_(store), overlay_(overlay), keys_(keys) {
    overlay_.set_indexer(this);
}

RowView MergedView::find(TableId table, std::string_view primary_key, Moment moment) const {
    if (overlay_.touches(table))
        if (const Touched* own = overlay_.find(table, primary_key)) return overlay_.view(*own, moment);
    return store_.find(table, primary_key);
}

void MergedView::index(TableId table, Overlay::Version version) {
    const TablePlan& plan = plans_.table(table);
    for (auto& [number, tree] : overlay_.table(table).trees) {
        std::string key;
        if (keys_.append(plan.indexes[number], RowView(version.image, &plan.layout), key))
            tree.emplace(std::move(key), version);
    }
}

Overlay::Tree& MergedView::tree(TableId table, const IndexPlan& index) {
    Overlay::TableRows& rows = overlay_.table(table);
    const auto [at, fresh] = rows.trees.try_emplace(index.id.value);
    if (!fresh) return at->second;
    const RowLayout& layout = plans_.table(table).layout;
    for (const Overlay::Version& version : rows.images) {
        std::string key;
        if (keys_.append(index, RowView(version.image, &layout), key))
            at->second.emplace(std::move(key), version);
    }
    return at->second;
}

std::vector<MergedView::Own> MergedView::own_rows(TableId table, const IndexPlan& index, std::string_view low,
                                                  std::string_view high, bool reverse, Moment moment) {
    std::vector<Own> out;
    Overlay::TableRows& rows = overlay_.table(table);
    if (rows.images.size() <= Overlay::few) {
        std::string key;
        for (const Touched* row : rows.rows) {
            const RowView view = overlay_.view(*row, moment);
            if (!view || view.data() == row->base.data()) continue;
            key.clear();
            if (!keys_.append(index, view, key) || key < low || (!high.empty() && key >= high)) continue;
            out.push_back({key, row->key, view});
        }
    } else {
        const Overlay::Tree& images = tree(table, index);
        const auto end = high.empty() ? images.end() : images.lower_bound(high);
        for (auto at = images.lower_bound(low); at != end; ++at) {
            const auto& [key, version] = *at;
            const RowView view = overlay_.view(*version.row, moment);
            if (view.data() == version.image) out.push_back({key, version.row->key, view});
        }
    }
    std::sort(out.begin(), out.end(), [&](const Own& a, const Own& b) {
        const int order = a.key != b.key ? (a.key < b.key ? -1 : 1) : a.primary.compare(b.primary);
        return reverse ? order > 0 : order < 0;
    });
    return out;
}

void MergedView::merge(TableId table, const IndexPlan& index, const std::vector<Own>& own, bool reverse,
                       Moment moment, RowVisitor visit, FunctionRef<void(RowVisitor)> stored) {
    const TablePlan& plan = plans_.table(table);
    std::size_t next = 0;
    bool stopped = false;
    std::string primary, key;
    const bool by_primary = index.id.value == 0;
    stored([&](RowView row) {
        primary.clear();
        keys_.append_primary(plan, row, primary);
        const Touched* touched = overlay_.find(table, primary);
        if (touched != nullptr && !overlay_.is_base(*touched, moment)) return true;
        if (next < own.size()) {
            key.clear();
            if (!by_primary) keys_.append(index, row, key);
            const std::string& at = by_primary ? primary : key;
            const auto before = [&](const Own& o) {
                const int order = o.key != at ? (o.key < at ? -1 : 1) : o.primary.compare(primary);
                return reverse ? order > 0 : order < 0;
            };
            while (next < own.size() && before(own[next]))
                if (!visit(own[next++].row)) return !(stopped = true);
        }
        return visit(row) || !(stopped = true);
    });
    while (!stopped && next < own.size()) stopped = !visit(own[next++].row);
}

void MergedView::scan(TableId table, IndexId index, std::string_view low, std::string_view high, bool reverse,
                      Moment moment, RowVisitor visit) {
    if (!overlay_.touches(table)) return store_.scan_index(table, index, low, high, reverse, visit);
    const IndexPlan& plan = plans_.table(table).indexes[index.value];
    merge(table, plan, own_rows(table, plan, low, high, reverse, moment), reverse, moment, visit,
          [&](RowVisitor each) { store_.scan_index(table, index, low, high, reverse, each); });
}

void MergedView::scan_all(TableId table, bool reverse, Moment moment, RowVisitor visit) {
    const auto stored = [&](RowVisitor each) {
        if (reverse) return store_.scan_index(table, IndexId::key(0), {}, {}, true, each);
        store_.scan(table, each);
    };
    if (!overlay_.touches(table)) return stored(visit);
    const IndexPlan& plan = plans_.table(table).primary();
    merge(table, plan, own_rows(table, plan, {}, {}, reverse, moment), reverse, moment, visit, stored);
}

}  // namespace anabranch::exec
