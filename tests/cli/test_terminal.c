/* What a terminal is shown, by script(1); skipped where there is no pseudo-terminal. */
#include "shell.h"

#include <stdio.h>

enum { SKIPPED = 77 };

/* On a terminal one line is drawn again and again; it ends before anything else is said. */
static void a_terminal_gets_a_bar(void **state)
{
    (void)state;
    assert_int_equal(
        shell("TERM=xterm script -qec \"$LESION run study.yaml --db bar.db\" /dev/null | tr '\\r' '\\n' > "
              "bar.txt; TERM=dumb script -qec \"$LESION run study.yaml --db dumb.db\" /dev/null > dumb.txt; "
              "grep '^█*░* *[0-9.]* %%  [0-9]*/140 jobs  .* images/s' bar.txt"),
        0);
    assert_int_equal(shell("grep '140/140 jobs' bar.txt"), 0);
    assert_int_equal(shell("grep -q '█' dumb.txt"), 1);
    assert_int_equal(shell("grep -q '^What was found' bar.txt"), 0);
}

static void a_watched_page_is_drawn_over(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run study.yaml --quiet --db stop.db --deadline 0.001s"), 75);
    assert_int_equal(shell("TERM=xterm script -qec \"$LESION status stop.db --watch\" /dev/null"), 75);
    assert_said("\033[H\033[J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_gets_a_bar),
        cmocka_unit_test(a_watched_page_is_drawn_over),
    };
    if (shell("script -qec 'test -t 1' /dev/null") != 0) {
        printf("skipped: script(1) has no pseudo-terminal here: %s\n", shell_output);
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
