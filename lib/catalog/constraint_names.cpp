#include <algorithm>

#include "lib/base/overload.h"
#include "lib/catalog/draft.h"

namespace anabranch::catalog {

namespace {

constexpr std::size_t name_bytes_max = 63;

// The longest prefix of at most `size` bytes that cuts no character.
std::string clipped(const std::string& text, std::size_t size) {
    if (text.size() <= size) return text;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    return text.substr(0, size);
}

// Every ColumnRef of an expression without subqueries.
template <typename E, typename Visit>
void for_each_column(E& e, const Visit& visit) {
    const auto each = [&](auto& list) {
        for (auto& item : list) for_each_column(item, visit);
    };
    const auto one = [&](auto& box) {
        if (box) for_each_column(*box, visit);
    };
    std::visit(
        [&](auto& n) {
            using T = std::remove_cvref_t<decltype(n)>;
            if constexpr (std::is_same_v<T, ast::ColumnRef>)
                visit(n);
            else if constexpr (std::is_same_v<T, ast::FieldAccess>)
                one(n.row);
            else if constexpr (std::is_same_v<T, ast::Subscript>)
                one(n.array), one(n.lower), one(n.upper);
            else if constexpr (std::is_same_v<T, ast::UnaryOp> || std::is_same_v<T, ast::Not> ||
                               std::is_same_v<T, ast::IsTest> || std::is_same_v<T, ast::Cast> ||
                               std::is_same_v<T, ast::Collate>)
                one(n.operand);
            else if constexpr (std::is_same_v<T, ast::BinaryOp> || std::is_same_v<T, ast::DistinctFrom>)
                one(n.left), one(n.right);
            else if constexpr (std::is_same_v<T, ast::Logical>)
                each(n.operands);
            else if constexpr (std::is_same_v<T, ast::Between>)
                one(n.operand), one(n.low), one(n.high);
            else if constexpr (std::is_same_v<T, ast::InList>)
                one(n.operand), each(n.items);
            else if constexpr (std::is_same_v<T, ast::QuantifiedArray>)
                one(n.operand), one(n.array);
            else if constexpr (std::is_same_v<T, ast::QuantifiedQuery>)
                one(n.operand);
            else if constexpr (std::is_same_v<T, ast::Case>) {
                one(n.operand);
                for (auto& w : n.whens) for_each_column(w.when, visit), for_each_column(w.then, visit);
                one(n.otherwise);
            } else if constexpr (std::is_same_v<T, ast::Row> || std::is_same_v<T, ast::Array>)
                each(n.items);
            else if constexpr (std::is_same_v<T, ast::FunctionCall>) {
                for (auto& a : n.arguments) for_each_column(a.value, visit);
            }
        },
        e.node);
}

}  // namespace

std::string object_name(const std::string& name1, const std::string& name2, const std::string& label) {
    std::size_t overhead = (name2.empty() ? 0 : 1) + (label.empty() ? 0 : label.size() + 1);
    const std::size_t available = name_bytes_max - std::min(overhead, name_bytes_max);
    std::size_t size1 = name1.size(), size2 = name2.size();
    while (size1 + size2 > available) {
        if (size1 > size2)
            --size1;
        else
            --size2;
    }
    std::string out = clipped(name1, size1);
    if (!name2.empty()) out += "_" + clipped(name2, size2);
    if (!label.empty()) out += "_" + label;
    return out;
}

std::string choose_constraint_name(const Draft& draft, const DraftTable& table, const std::string& columns,
                                   const std::string& label) {
    std::string suffix = label;
    for (int pass = 1;; ++pass) {
        std::string name = object_name(table.name, columns, suffix);
        if (!draft.constraint_names.contains({table.schema, name})) return name;
        suffix = label + std::to_string(pass);
    }
}

std::string choose_index_name(const Draft& draft, const DraftTable& table, const std::string& columns,
                              const std::string& label, bool constraint) {
    std::string suffix = label;
    for (int pass = 1;; ++pass) {
        std::string name = object_name(table.name, columns, suffix);
        const std::pair key{table.schema, name};
        if (!draft.relation_names.contains(key) && !(constraint && draft.constraint_names.contains(key)))
            return name;
        suffix = label + std::to_string(pass);
    }
}

std::string index_column_name(const ast::IndexElement& element) {
    if (!element.column.empty()) return element.column;
    const auto* call = element.expr ? std::get_if<ast::FunctionCall>(&element.expr->node) : nullptr;
    return call != nullptr ? call->name.name : "expr";
}

std::string joined(const std::vector<std::string>& columns) {
    std::string out;
    for (const std::string& c : columns) {
        if (!out.empty()) out += "_";
        out += c;
        if (out.size() >= name_bytes_max + 1) break;
    }
    return out;
}

std::vector<std::string> columns_in(const ast::Expr& expr, const DraftTable& table) {
    std::vector<std::string> out;
    for_each_column(expr, [&](const ast::ColumnRef& c) {
        const std::string& name = c.parts.back();
        if (table.find(name) == nullptr) return;
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    });
    return out;
}

void rename_column_in(ast::Expr& expr, const std::string& from, const std::string& to) {
    for_each_column(expr, [&](ast::ColumnRef& c) {
        if (c.parts.back() == from) c.parts.back() = to;
    });
}

}  // namespace anabranch::catalog
