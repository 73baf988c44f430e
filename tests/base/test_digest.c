#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lesion/base.h"

#define HEX_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-4 */
#define HEX_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static lsn_hasher *hasher;

static int open_hasher(void **state)
{
    (void)state;
    hasher = lsn_hasher_create(NULL);
    return hasher == NULL ? -1 : 0;
}

static int close_hasher(void **state)
{
    (void)state;
    lsn_hasher_destroy(hasher);
    return 0;
}

static const char *taken(void)
{
    static char texts[4][LSN_HEX_BYTES];
    static unsigned next;
    char *hex = texts[next++ % 4];
    lsn_digest digest;
    lsn_error err;
    assert_true(lsn_hasher_take(hasher, &digest, &err));
    lsn_digest_hex(&digest, hex);
    return hex;
}

static void known_digests(void **state)
{
    (void)state;
    lsn_hasher_add(hasher, "abc", 3);
    assert_string_equal(taken(), HEX_OF_ABC);
}

static void taking_empties_the_hasher(void **state)
{
    (void)state;
    lsn_hasher_add(hasher, "xyz", 3);
    taken();
    assert_string_equal(taken(), HEX_OF_NOTHING);
    lsn_hasher_add(hasher, "a", 1);
    lsn_hasher_add(hasher, NULL, 0);
    lsn_hasher_add(hasher, "bc", 2);
    assert_string_equal(taken(), HEX_OF_ABC);
}

static void texts_do_not_run_together(void **state)
{
    (void)state;
    lsn_hasher_text(hasher, "ab", "c");
    const char *one = taken();
    lsn_hasher_text(hasher, "a", "bc");
    assert_string_not_equal(one, taken());
    lsn_hasher_text(hasher, "a", "b");
    lsn_hasher_text(hasher, "c", "");
    assert_string_not_equal(one, taken());
    lsn_hasher_text(hasher, "ab", "c");
    assert_string_equal(one, taken());
}

static void numbers_differ(void **state)
{
    (void)state;
    lsn_hasher_number(hasher, "pad", 1);
    const char *one = taken();
    lsn_hasher_number(hasher, "pad", -1);
    const char *minus = taken();
    lsn_hasher_number(hasher, "pad", (int64_t)1 << 32);
    assert_string_not_equal(one, minus);
    assert_string_not_equal(one, taken());
    lsn_hasher_number(hasher, "pad", 1);
    assert_string_equal(one, taken());
}

static void no_hasher_may_be_destroyed(void **state)
{
    (void)state;
    lsn_hasher_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(taking_empties_the_hasher),
        cmocka_unit_test(texts_do_not_run_together),
        cmocka_unit_test(numbers_differ),
        cmocka_unit_test(no_hasher_may_be_destroyed),
    };
    return cmocka_run_group_tests(tests, open_hasher, close_hasher);
}
