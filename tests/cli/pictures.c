#include "pictures.h"

#include "shell.h"

#include "lesion/data.h"

#include <stdio.h>

static const char study[] = "study: photos\n"
                            "model: {weights: net.safetensors}\n"
                            "data:\n"
                            "  format: imagefolder\n"
                            "  path: photos\n"
                            "  preprocess: {resize: 36, crop: 32, mean: 0.3, std: 0.4}\n"
                            "  take: {count: 40, seed: 3}\n"
                            "  calibration: {count: 10, seed: 1}\n"
                            "ablate:\n"
                            "  - name: every\n"
                            "    layers: conv*\n"
                            "    filters: each\n"
                            "    mode: [zero, mean]\n"
                            "metrics: [top1, top5, loss, kl, per_class]\n";

void pictures_write(void)
{
    static const char *const classes[] = {"ant", "bee", "cat", "dog"};
    unsigned char pixels[80 * 80 * 3];
    lsn_random random;
    lsn_random_init(&random, 5, 0);
    assert_int_equal(shell("mkdir -p photos/ant photos/bee photos/cat photos/dog"), 0);
    for (int i = 0; i < 60; i++) {
        char path[64];
        int h = 20 + i % 7 * 9, w = 25 + i % 5 * 11;
        for (int k = 0; k < h * w * 3; k++)
            pixels[k] = (unsigned char)(lsn_random_below(&random, 60) + 50 * (i % 4));
        snprintf(path, sizeof path, "photos/%s/%02d.png", classes[i % 4], i);
        assert_true(lsn_png_write(path, pixels, h, w, NULL));
    }
    write_file("photos.yaml", study);
}

void pictures_break(const char *name)
{
    assert_int_equal(shell("cp photos/%s whole.png && head -c 500 whole.png > photos/%s", name, name), 0);
}

void pictures_mend(const char *name)
{
    assert_int_equal(shell("mv whole.png photos/%s", name), 0);
}
