/* What a fuzz target and its driver share.
 *
 * A target is one file, fuzz_THING.c, that defines LLVMFuzzerTestOneInput; its seeds lie in corpus/THING/. It is built
 * twice: with replay.c, by any compiler, as a unit test that replays the seeds and a few thousand mutations of them;
 * and, with -Dfuzz=true and clang, with libFuzzer, which looks for new inputs (scripts/fuzz).
 */
#ifndef LESION_TESTS_FUZZ_H
#define LESION_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN 1
#endif
#endif

/* Must not crash, whatever the bytes are; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A path under which these bytes can be read as a file. It stays valid until the next call with the same `slot` (0 to
 * FUZZ_SLOTS - 1: for a target that needs several files at once). */
enum { FUZZ_SLOTS = 4 };
const char *fuzz_path(int slot, const uint8_t *data, size_t size);

/* From here on this thread may have at most `base` + `factor` * `size` bytes allocated that were not so before; more
 * ends the program with a message. Checked where the address sanitizer is on, and not otherwise. */
void fuzz_allow(size_t base, size_t factor, size_t size);
/* Ends what fuzz_allow began. */
void fuzz_allow_end(void);

#endif
