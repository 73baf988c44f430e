/* The modes' names. */
#include "lesion/net.h"

#include <assert.h>
#include <string.h>

static const char *const mode_names[LSN_N_MODES] = {
    [LSN_ZERO] = "zero", [LSN_MEAN] = "mean", [LSN_RESAMPLE] = "resample", [LSN_NOISE] = "noise"};

const char *lsn_mode_name(lsn_mode mode)
{
    assert(mode >= 0 && mode < LSN_N_MODES);
    return mode_names[mode];
}

lsn_mode lsn_mode_find(const char *name)
{
    lsn_mode mode = 0;
    while (mode < LSN_N_MODES && strcmp(mode_names[mode], name) != 0)
        mode++;
    return mode;
}
