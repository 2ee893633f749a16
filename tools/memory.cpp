// Where the program's memory comes from: jemalloc, which reads this when it starts.
//
// Rows and indexes lie all over the memory, so most of what a transaction waits for is the translation of
// addresses; in huge pages (thp) a withdrawal takes two thirds of the time. Pages are given back to the
// system by a thread of the allocator's own, and not before a minute: what was let go is soon wanted again.
// One thread does nearly all the work, hence two arenas; it frees in batches what it allocated in batches,
// hence more places for each size in a thread's cache.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "thp:always,metadata_thp:auto,narenas:2,lg_tcache_nslots_mul:3,"
    "background_thread:true,dirty_decay_ms:60000,muzzy_decay_ms:-1";
}
