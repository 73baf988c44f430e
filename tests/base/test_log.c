#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "lesion/base.h"
#include "scratch.h"

/* What is written to stderr while `write` runs. */
static const char *logged(void (*write_some)(void))
{
    static char text[8192];
    const char *path = scratch_path("log");
    int kept = dup(2), fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0600);
    assert_true(kept >= 0 && fd >= 0);
    dup2(fd, 2);
    write_some();
    dup2(kept, 2);
    close(kept);
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    close(fd);
    assert_true(length >= 0);
    text[length] = '\0';
    return text;
}

static void write_two(void)
{
    lsn_log("rank %d", 3);
    lsn_log_quiet(true);
    lsn_log("unheard");
    lsn_log_quiet(false);
    lsn_log("again");
}

static void a_line_goes_to_stderr_unless_quiet(void **state)
{
    (void)state;
    assert_string_equal(logged(write_two), "lesion: rank 3\nlesion: again\n");
}

static void write_long(void)
{
    char text[10000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    lsn_log("%s", text);
}

static void a_long_line_is_cut_and_ended(void **state)
{
    (void)state;
    const char *text = logged(write_long);
    assert_in_range(strlen(text), 4000, 4200);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void the_clock_does_not_go_back(void **state)
{
    (void)state;
    double before = lsn_now_s();
    for (int i = 0; i < 1000; i++) {
        double now = lsn_now_s();
        assert_true(now >= before);
        before = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_to_stderr_unless_quiet),
        cmocka_unit_test(a_long_line_is_cut_and_ended),
        cmocka_unit_test(the_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
