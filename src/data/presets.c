/* Preprocessings that have a name. */
#include "data/data_internal.h"

#include <string.h>

static const struct {
    const char *name;
    lsn_preprocess preprocess;
} presets[] = {
    /* What torchvision's and timm's VGG weights were trained and are evaluated with. */
    {"imagenet",
     {.resize = 256, .crop = 224, .channels = 3, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}}},
    /* Mean and standard deviation of the training images. */
    {"cifar10", {.channels = 3, .mean = {0.4914f, 0.4822f, 0.4465f}, .std = {0.2470f, 0.2435f, 0.2616f}}},
};

bool lsn_preprocess_find(const char *name, lsn_preprocess *preprocess)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(presets[i].name, name) == 0) {
            *preprocess = presets[i].preprocess;
            return true;
        }
    return false;
}
