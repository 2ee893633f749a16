#include "lib/exec/access_chooser.h"

#include <algorithm>

namespace anabranch::exec {

using sql::Storage;
using sql::Type;
using sql::TypeId;

namespace {

// Values of both types that are equal have equal keys, and are ordered alike.
bool same_key_form(Type a, Type b) {
    if (a.array != b.array) return false;
    if (a.id == b.id) return true;
    return (sql::is_integer(a) && sql::is_integer(b)) || (sql::is_text_like(a) && sql::is_text_like(b));
}

constexpr int rank_point = 1000, rank_unique = 950, rank_full_key = 800, rank_prefix = 400, rank_any = 100,
              rank_range = 40;

}  // namespace

AccessChooser::AccessChooser(Builder& builder, TableId table, std::uint32_t slot,
                             const std::vector<ExprId>& usable)
    : builder_(builder), table_(builder.plan_of(table)), slot_(slot), conditions_(usable) {
    for (const ExprId condition : conditions_) classify(condition);
}

void AccessChooser::classify(ExprId condition) {
    if (comparison(condition) || alternatives(condition)) return;
    const Node& node = builder_.program_.nodes[condition];
    if (node.op != Op::is_null && node.op != Op::is_not_null) return;
    const ExprId arg = builder_.program_.arguments[node.first];
    const Shape shape = node.op == Op::is_null ? Shape::is_null : Shape::not_null;
    terms_.push_back({condition, shape, arg, no_expr, {}, builder_.program_.nodes[arg].type});
}

bool AccessChooser::comparison(ExprId condition) {
    const Node& node = builder_.program_.nodes[condition];
    sql::Func func{};
    if (node.op >= Op::int_eq && node.op <= Op::int_ge) {
        func = static_cast<sql::Func>(static_cast<int>(sql::Func::eq) + static_cast<int>(node.op) -
                                      static_cast<int>(Op::int_eq));
    } else if (node.op == Op::call && node.site->args.size() == 2 && node.site->inner == nullptr) {
        func = node.site->func;
        if (func < sql::Func::eq || func > sql::Func::ge) return false;
        if (!same_key_form(node.site->args[0], node.site->args[1])) return false;
    } else {
        return false;
    }
    ExprId left = builder_.program_.arguments[node.first],
           right = builder_.program_.arguments[node.first + 1];
    const bool swapped = !of_row(left);
    if (swapped) std::swap(left, right);
    if (!of_row(left) || of_row(right)) return false;
    Shape shape{};
    switch (func) {
        case sql::Func::eq:
            shape = Shape::equal;
            break;
        case sql::Func::lt:
            shape = swapped ? Shape::greater : Shape::less;
            break;
        case sql::Func::le:
            shape = swapped ? Shape::greater_equal : Shape::less_equal;
            break;
        case sql::Func::gt:
            shape = swapped ? Shape::less : Shape::greater;
            break;
        case sql::Func::ge:
            shape = swapped ? Shape::less_equal : Shape::greater_equal;
            break;
        default:
            return false;
    }
    const Type type = node.op == Op::call ? node.site->args[0] : builder_.program_.nodes[left].type;
    terms_.push_back({condition, shape, left, right, {}, type});
    return true;
}

bool AccessChooser::alternatives(ExprId condition) {
    const Node& node = builder_.program_.nodes[condition];
    if (node.op == Op::call && node.aux == 1) {  // part = ANY (array)
        const ExprId part = builder_.program_.arguments[node.first],
                     array = builder_.program_.arguments[node.first + 1];
        Type element = node.site->args[1];
        element.array = false;
        if (!of_row(part) || of_row(array) || !same_key_form(node.site->args[0], element)) return false;
        terms_.push_back({condition, Shape::any_array, part, array, {}, element});
        return true;
    }
    if (node.op != Op::or_) return false;
    Term whole{condition, Shape::any_list, no_expr, no_expr, {}, {}};
    const std::size_t mark = terms_.size();
    for (std::uint16_t i = 0; i < node.count; ++i) {
        const ExprId arm = builder_.program_.arguments[builder_.program_.nodes[condition].first + i];
        if (!comparison(arm)) break;
        const Term term = terms_.back();
        if (term.shape != Shape::equal ||
            (whole.part != no_expr && !builder_.same_node(whole.part, term.part)))
            break;
        whole.part = term.part;
        whole.type = term.type;
        whole.list.push_back(term.value);
    }
    terms_.resize(mark);
    if (whole.list.size() != node.count) return false;
    terms_.push_back(std::move(whole));
    return true;
}

ExprId AccessChooser::part_node(const KeyPart& part) {
    ScopeRel rel;
    rel.slot = slot_;
    rel.table = table_.table;
    const std::size_t mark = builder_.log_.size();
    ExprId id = no_expr;
    if (part.expression == no_expr) {
        id = builder_.column_node(rel, part.column, part.type);
    } else {
        builder_.open_row_scope(*table_.table, slot_);
        id = builder_.expr(part.source);
        builder_.close_scope();
    }
    builder_.log_.resize(mark);
    return id;
}

bool AccessChooser::matches(const Term& term, ExprId part, const KeyPart& key) const {
    return builder_.same_node(term.part, part) && same_key_form(term.type, key.type);
}

const AccessChooser::Term* AccessChooser::find(ExprId part, const KeyPart& key, Shape shape) const {
    for (const Term& term : terms_)
        if (term.shape == shape && matches(term, part, key)) return &term;
    return nullptr;
}

ExprId AccessChooser::fixed_to(ExprId part) const {
    for (const Term& term : terms_)
        if (term.shape == Shape::equal && builder_.same_node(term.part, part)) return term.value;
    return no_expr;
}

bool AccessChooser::implied(ExprId predicate) const {
    const Node& node = builder_.program_.nodes[predicate];
    if (node.op == Op::and_) {
        const std::uint32_t first = node.first;
        for (std::uint16_t i = 0; i < node.count; ++i)
            if (!implied(builder_.program_.arguments[first + i])) return false;
        return true;
    }
    for (const ExprId condition : conditions_)
        if (builder_.same_node(condition, predicate)) return true;
    if (node.op != Op::is_not_null) return false;
    const ExprId arg = builder_.program_.arguments[node.first];
    return std::any_of(terms_.begin(), terms_.end(),
                       [&](const Term& term) {  // a comparison lets no NULL pass
                           return term.shape != Shape::is_null && builder_.same_node(term.part, arg);
                       });
}

bool AccessChooser::covers(const IndexPlan& index) {
    if (index.foreign_key) {
        for (const KeyPart& part : index.parts)
            if (!table_.table->columns[part.column].not_null) return false;
    }
    if (index.predicate == no_expr) return true;
    const std::size_t mark = builder_.log_.size();
    builder_.open_row_scope(*table_.table, slot_);
    const ExprId predicate = builder_.expr(index.predicate_source);
    builder_.close_scope();
    builder_.log_.resize(mark);
    return implied(predicate);
}

bool AccessChooser::droppable(ExprId part) const {
    const Node& node = builder_.program_.nodes[part];
    if (node.slot != slot_ || node.count != 0) return false;  // expressions are tested again
    return !table_.nullable_by_merge[node.column];
}

AccessChooser::Choice AccessChooser::try_index(const IndexPlan& index) {
    Choice choice;
    Access& access = choice.access;
    access.kind = Access::Kind::index;
    access.table = table_.table->id;
    access.index = index.id;
    bool open = true;
    for (const KeyPart& key : index.parts) {
        const ExprId part = part_node(key);
        if (const Term* term = find(part, key, Shape::equal)) {
            access.equal.push_back(term->value);
            access.types.push_back(key.type);
            if (droppable(part)) choice.served.push_back(term->condition);
            continue;
        }
        const Term* any = find(part, key, Shape::any_array);
        if (any == nullptr) any = find(part, key, Shape::any_list);
        if (any != nullptr) {
            access.any = any->list;
            access.any_array = any->shape == Shape::any_array ? any->value : no_expr;
            access.types.push_back(key.type);
            if (droppable(part)) choice.served.push_back(any->condition);
            choice.rank += rank_any;
        } else {
            try_range(part, key, choice);
        }
        open = false;
        break;
    }
    const bool full = open;
    if (index.foreign_key && !full && !covers(index)) return {};
    if (!covers(index) && !index.foreign_key) return {};
    choice.rank += 10 * static_cast<int>(access.equal.size());
    if (full && index.key != nullptr) {
        choice.rank += index.id.value == 0 ? rank_point : rank_unique;
        access.unique = true;
        if (index.id.value == 0) {
            access.kind = Access::Kind::point;
            access.foreseen = std::all_of(access.equal.begin(), access.equal.end(), [&](ExprId id) {
                const Op op = builder_.program_.nodes[id].op;
                return op <= Op::value && op != Op::reg;
            });
        }
    } else if (full) {
        choice.rank += rank_full_key;
    } else if (!access.equal.empty()) {
        choice.rank += rank_prefix;
    } else if (choice.rank > 0) {
        choice.rank += rank_prefix / 2;
    }
    return choice;
}

void AccessChooser::try_range(ExprId part, const KeyPart& key, Choice& choice) const {
    Access& access = choice.access;
    const auto bound = [&](Shape inclusive, Shape exclusive, ExprId& value, bool& is_inclusive) {
        const Term* term = find(part, key, inclusive);
        is_inclusive = term != nullptr;
        if (term == nullptr) term = find(part, key, exclusive);
        if (term == nullptr) return;
        value = term->value;
        if (droppable(part)) choice.served.push_back(term->condition);
        choice.rank += rank_range;
    };
    bound(Shape::greater_equal, Shape::greater, access.low, access.low_inclusive);
    bound(Shape::less_equal, Shape::less, access.high, access.high_inclusive);
    if (access.low != no_expr || access.high != no_expr) access.types.push_back(key.type);
}

AccessChooser::Choice AccessChooser::choose() {
    Choice best;
    best.access.table = table_.table->id;
    for (const IndexPlan& index : table_.indexes) {
        Choice choice = try_index(index);
        if (choice.rank > best.rank) best = std::move(choice);
    }
    return best;
}

std::vector<Builder::Equality> AccessChooser::hashable() const {
    std::vector<Builder::Equality> out;
    for (const Term& term : terms_) {
        if (term.shape != Shape::equal || builder_.reads(term.value).empty()) continue;
        const auto part_reads = builder_.reads(term.part).list();
        if (part_reads.size() == 1) out.push_back({term.condition, term.part, term.value, term.type});
    }
    return out;
}

}  // namespace anabranch::exec
