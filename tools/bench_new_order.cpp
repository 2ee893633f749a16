#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lib/catalog/load.h"
#include "lib/sql/array.h"
#include "node/io/file.h"
#include "tools/bench_parts.h"
#include "tools/bench_sql.h"
#include "tools/temporary.h"

namespace anabranch::tools {

namespace {

constexpr std::uint32_t districts = 10;

// The file's own rows are there already: one warehouse, two districts with a customer each, two items.
std::string population(const NewOrderSize& size) {
    const std::string items = std::to_string(size.items), customers = std::to_string(size.customers);
    return "INSERT INTO district (d_w_id, d_id, d_name, d_tax) SELECT 1, d, 'd', 1000 FROM "
           "generate_series(3, " +
           std::to_string(districts) +
           ") d;\n"
           "INSERT INTO customer (c_w_id, c_d_id, c_id, c_first, c_last) SELECT 1, d, c, 'first', 'BARBARBAR'"
           " FROM generate_series(1, " +
           std::to_string(districts) + ") d, generate_series(1, " + customers +
           ") c WHERE d > 2 OR c > 1;\n"
           "INSERT INTO item (i_id, i_im_id, i_name, i_price) SELECT i, i, 'item', 100 + i % 9900"
           " FROM generate_series(3, " +
           items +
           ") i;\n"
           "INSERT INTO stock (s_w_id, s_i_id, s_quantity) SELECT 1, i, 50 FROM generate_series(3, " +
           items + ") i;\n";
}

Result<catalog::SchemaPtr> schema_of(const std::string& file, const NewOrderSize& size, bool assertions) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto begin = text.find("CREATE SCHEMA assertion");
    const auto end = begin == std::string::npos ? begin : text.find(';', begin);
    if (end == std::string::npos) return fail(sqlstate::io_error, file + " is not the schema of TPC-C");
    if (!assertions) text.erase(begin, end + 1 - begin);
    const catalog::ScriptFile files[] = {{file, std::move(text)}, {"population.sql", population(size)}};
    auto loaded = catalog::load(files);
    if (loaded.schema == nullptr) return fail(sqlstate::io_error, loaded.rendered_errors);
    return loaded.schema;
}

catalog::Plan free_plan(const catalog::Schema& schema) {
    catalog::Plan plan;
    plan.schema_hash = schema.hash;
    for (const auto& transaction : schema.transactions)
        plan.transactions.push_back({transaction.name,
                                     transaction.read_only ? catalog::Route::read_only : catalog::Route::free,
                                     {},
                                     {}});
    return plan;
}

struct Order {
    std::string bytes[3];  // of its arrays
    sql::Datum values[6];
};

// Five to fifteen lines, as clause 2.4.1.3 wants, items evenly drawn.
class Orders {
  public:
    explicit Orders(const NewOrderSize& size) : size_(size) {}
    void draw(Order& order) {
        const auto lines = static_cast<std::size_t>(random_.between(5, 15));
        std::vector<sql::Datum> items, suppliers(lines, sql::Datum::integer(1)), quantities;
        for (std::size_t i = 0; i < lines; ++i) {
            items.push_back(sql::Datum::integer(random_.between(1, size_.items)));
            quantities.push_back(sql::Datum::integer(random_.between(1, 10)));
        }
        order.values[0] = sql::Datum::integer(1);
        order.values[1] = sql::Datum::integer(random_.between(1, districts));
        order.values[2] = sql::Datum::integer(random_.between(1, size_.customers));
        const std::vector<sql::Datum>* columns[] = {&items, &suppliers, &quantities};
        for (std::size_t i = 0; i < 3; ++i) {
            order.bytes[i].clear();
            sql::write_array({.id = sql::TypeId::int4, .array = true}, *columns[i], order.bytes[i]);
            order.values[3 + i] = sql::Datum::bytes(order.bytes[i]);
        }
    }

  private:
    const NewOrderSize size_;
    Random random_{7};
};

// Where the records go, with one write for what has come together; not synced, which is the disk's figure.
class LogFile {
  public:
    Result<void> open() {
        path_ = temporary_path("anabranch-log-" + std::to_string(::getpid()));
        TRY(file_, io::open_file(path_, O_RDWR | O_CREAT | O_TRUNC));
        ::unlink(path_.c_str());
        return {};
    }
    void append(BytesView record) {
        waiting_.append(record);
        if (waiting_.size() < batch) return;
        // Over and over the same bytes of the file: what is measured is the engine.
        (void)io::write_at(file_.get(), waiting_, (written_ += batch) % (64 * batch), path_);
        waiting_.clear();
    }

  private:
    static constexpr std::size_t batch = 256 * 1024;
    std::string path_;
    io::File file_;
    Bytes waiting_;
    std::uint64_t written_ = 0;
};

// Memory for what the orders leave behind: asked of the system beforehand, and let go piece by piece, for the
// orders to get. A virtual machine may get from its host what it touches for the first time, which takes many
// times as long as to clear a page that it has, and the host may take back what is free for a few seconds:
// the figure would be the host's to a good part.
class MemoryAhead {
  public:
    explicit MemoryAhead(std::size_t wanted) {
        const auto free = static_cast<std::size_t>(::sysconf(_SC_AVPHYS_PAGES)) * page / 2;
        mapped_ = std::min(wanted, free) + piece;
        void* const at = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) {
            mapped_ = 0;
            return;
        }
        memory_ = static_cast<char*>(at);
        (void)::madvise(memory_, mapped_, MADV_HUGEPAGE);
        for (std::size_t i = 0; i < mapped_; i += page) memory_[i] = 1;
        gone_ = piece - reinterpret_cast<std::uintptr_t>(memory_) % piece;  // to where huge pages begin
        ::munmap(memory_, gone_);
    }
    ~MemoryAhead() {
        if (gone_ < mapped_) ::munmap(memory_ + gone_, mapped_ - gone_);
    }
    MemoryAhead(const MemoryAhead&) = delete;
    MemoryAhead& operator=(const MemoryAhead&) = delete;
    void let_go(std::size_t until) {
        for (; gone_ < until && gone_ + piece <= mapped_; gone_ += piece) ::munmap(memory_ + gone_, piece);
    }

  private:
    static constexpr std::size_t page = 4096, piece = std::size_t{2} << 20;  // a huge page
    char* memory_ = nullptr;
    std::size_t mapped_ = 0, gone_ = 0;
};

}  // namespace

Result<Bar> measure_new_order(const std::string& schema_file, const NewOrderSize& size, bool assertions) {
    TRY(const auto schema, schema_of(schema_file, size, assertions));
    InProcess engine(schema, free_plan(*schema));
    TRY_VOID(engine.start());
    TRY(const auto new_order, engine.replica.prepare("CALL new_order($1, $2, $3, $4, $5, $6)", {}));
    LogFile log;
    TRY_VOID(log.open());
    engine.record = [&](BytesView record) { log.append(record); };
    constexpr std::size_t order_bytes = 5000, ahead = 16 << 20;  // what an order leaves in memory, about
    MemoryAhead memory(ahead + static_cast<std::size_t>(size.seconds * 30'000) * order_bytes);
    Orders orders(size);
    std::vector<Order> drawn(64);  // at once: neither to draw them counts nor to ask what time it is
    std::uint64_t calls = 0;
    double spent = 0;
    while (spent < size.seconds) {
        memory.let_go(ahead + calls * order_bytes);
        for (auto& order : drawn) orders.draw(order);
        const double start = cpu_of_thread();
        for (const auto& order : drawn) TRY_VOID(engine.call(new_order, order.values));
        spent += cpu_of_thread() - start;
        calls += drawn.size();
    }
    engine.settle();
    Bar out;
    out.value = static_cast<double>(calls) / spent;
    out.unit = "/CPU s";
    return out;
}

}  // namespace anabranch::tools
