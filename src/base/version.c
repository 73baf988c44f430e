/* The library's version. */
#include "lesion/base.h"

const char *lsn_version(void)
{
    return LESION_VERSION;
}
