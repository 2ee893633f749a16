#include "lib/exec/evaluator.h"

namespace anabranch::exec {

using sql::Datum;

namespace {

bool fits(std::int64_t value, unsigned bytes) {
    switch (bytes) {
        case 2:
            return value >= INT16_MIN && value <= INT16_MAX;
        case 4:
            return value >= INT32_MIN && value <= INT32_MAX;
        default:
            return true;
    }
}

}  // namespace

Error integer_out_of_range(unsigned bytes) {
    const char* type = bytes == 2 ? "smallint" : bytes == 4 ? "integer" : "bigint";
    return Error::make(sqlstate::numeric_value_out_of_range, std::string(type) + " out of range");
}

// tidy: table
Datum Evaluator::eval(ExprId id) {
    const Node& node = program->nodes[id];
    switch (node.op) {
        case Op::constant:
            return node.constant;
        case Op::param:
            return parameters[node.column];
        case Op::reg:
            return registers[node.column];
        case Op::column_int:
        case Op::column_float:
        case Op::column_bytes:
            return column(node);
        case Op::value: {
            const Datum* values = slots[node.slot].values;
            return values == nullptr ? Datum{} : values[node.column];
        }
        case Op::call:
            return call(node);
        case Op::int_eq:
        case Op::int_ne:
        case Op::int_lt:
        case Op::int_le:
        case Op::int_gt:
        case Op::int_ge:
            return compare(node);
        case Op::int_add:
        case Op::int_sub:
        case Op::int_mul:
            return arithmetic(node);
        case Op::and_:
        case Op::or_:
        case Op::not_:
            return logic(node);
        case Op::is_null:
        case Op::is_not_null:
        case Op::is_true:
        case Op::is_not_true:
        case Op::is_false:
        case Op::is_not_false:
        case Op::is_unknown:
        case Op::is_not_unknown:
            return test(node);
        case Op::case_:
        case Op::coalesce:
            return choose(node);
        case Op::subquery:
            return subqueries->subquery(program->subqueries[node.payload]);
        case Op::domain_check:
            return domain(node);
        case Op::fail:
            return context.fail(program->errors[node.payload]);
    }
    return {};
}

Datum Evaluator::column(const Node& node) const {
    const RowView& row = slots[node.slot].row;
    const char* data = row.data();
    if (data == nullptr) return {};
    const std::uint32_t at = node.column;
    if (static_cast<unsigned char>(data[at >> 3]) >> (at & 7) & 1) return {};
    if (row.nulled() != 0 && at < 64 && (row.nulled() >> at & 1)) return {};
    std::uint64_t raw;
    std::memcpy(&raw, data + node.payload, 8);
    if (node.op == Op::column_int) return Datum::integer(static_cast<std::int64_t>(raw));
    if (node.op == Op::column_bytes) return Datum::bytes({data + (raw >> 32), raw & 0xffffffff});
    double value;
    std::memcpy(&value, &raw, 8);
    return Datum::floating(value);
}

Datum Evaluator::call(const Node& node) {
    constexpr std::size_t few = 6;
    const std::span<const ExprId> args = program->args(node);
    if (args.size() <= few) {
        Datum values[few];
        for (std::size_t i = 0; i < args.size(); ++i) values[i] = eval(args[i]);
        return context.failed ? Datum{} : node.kernel(context, *node.site, values);
    }
    auto* values = reinterpret_cast<Datum*>(context.arena.allocate(args.size() * sizeof(Datum)));
    for (std::size_t i = 0; i < args.size(); ++i) values[i] = eval(args[i]);
    return context.failed ? Datum{} : node.kernel(context, *node.site, values);
}

Datum Evaluator::compare(const Node& node) {
    const Datum left = eval(program->arguments[node.first]);
    const Datum right = eval(program->arguments[node.first + 1]);
    if (left.is_null() || right.is_null()) return {};
    const std::int64_t a = left.as_integer(), b = right.as_integer();
    switch (node.op) {
        case Op::int_eq:
            return Datum::boolean(a == b);
        case Op::int_ne:
            return Datum::boolean(a != b);
        case Op::int_lt:
            return Datum::boolean(a < b);
        case Op::int_le:
            return Datum::boolean(a <= b);
        case Op::int_gt:
            return Datum::boolean(a > b);
        default:
            return Datum::boolean(a >= b);
    }
}

Datum Evaluator::arithmetic(const Node& node) {
    const Datum left = eval(program->arguments[node.first]);
    const Datum right = eval(program->arguments[node.first + 1]);
    if (left.is_null() || right.is_null()) return {};
    const std::int64_t a = left.as_integer(), b = right.as_integer();
    std::int64_t result = 0;
    bool overflow = false;
    switch (node.op) {
        case Op::int_add:
            overflow = __builtin_add_overflow(a, b, &result);
            break;
        case Op::int_sub:
            overflow = __builtin_sub_overflow(a, b, &result);
            break;
        default:
            overflow = __builtin_mul_overflow(a, b, &result);
            break;
    }
    if (overflow || !fits(result, node.aux)) [[unlikely]]
        return context.fail(integer_out_of_range(node.aux));
    return Datum::integer(result);
}

Datum Evaluator::logic(const Node& node) {
    const std::span<const ExprId> args = program->args(node);
    if (node.op == Op::not_) {
        const Datum value = eval(args[0]);
        return value.is_null() ? value : Datum::boolean(!value.as_bool());
    }
    const bool decides = node.op == Op::or_;  // the value that ends it
    bool unknown = false;
    for (const ExprId arg : args) {
        const Datum value = eval(arg);
        if (context.failed) return {};
        if (value.is_null())
            unknown = true;
        else if (value.as_bool() == decides)
            return Datum::boolean(decides);
    }
    return unknown ? Datum{} : Datum::boolean(!decides);
}

Datum Evaluator::test(const Node& node) {
    const Datum value = eval(program->arguments[node.first]);
    const bool null = value.is_null();
    const bool truth = !null && value.as_bool();
    switch (node.op) {
        case Op::is_null:
        case Op::is_unknown:
            return Datum::boolean(null);
        case Op::is_not_null:
        case Op::is_not_unknown:
            return Datum::boolean(!null);
        case Op::is_true:
            return Datum::boolean(truth);
        case Op::is_not_true:
            return Datum::boolean(!truth);
        case Op::is_false:
            return Datum::boolean(!null && !truth);
        default:
            return Datum::boolean(null || truth);
    }
}

Datum Evaluator::choose(const Node& node) {
    const std::span<const ExprId> args = program->args(node);
    if (node.op == Op::coalesce) {
        for (const ExprId arg : args) {
            const Datum value = eval(arg);
            if (!value.is_null() || context.failed) return value;
        }
        return {};
    }
    std::size_t i = 0;
    for (; i + 1 < args.size(); i += 2) {
        if (truth(args[i])) return eval(args[i + 1]);
        if (context.failed) return {};
    }
    return i < args.size() ? eval(args[i]) : Datum{};
}

Datum Evaluator::domain(const Node& node) {
    const Datum value = eval(program->arguments[node.first]);
    if (context.failed) return {};
    const DomainPlan& plan = program->domains[node.payload];
    if (value.is_null() && plan.domain->not_null) {
        return context.fail(sqlstate::not_null_violation,
                            "domain " + plan.domain->name + " does not allow null values");
    }
    registers[plan.reg] = value;
    for (std::size_t i = 0; i < plan.conditions.size(); ++i) {
        if (holds(plan.conditions[i])) continue;
        const std::string& check = plan.domain->checks[i].name;
        Error error =
            Error::make(sqlstate::check_violation, "value for domain " + plan.domain->name +
                                                       " violates check constraint \"" + check + "\"");
        error.constraint = check;
        return context.fail(std::move(error));
    }
    return value;
}

}  // namespace anabranch::exec
