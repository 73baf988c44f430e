/* What is wrong with a study is said at once, each mistake once, at its place, with what would be right. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static int open_with_large_images(void **state)
{
    if (fixture_open(state) != 0)
        return -1;
    fixture_images("large.idx", FIXTURE_IMAGES, 32, 0);
    return 0;
}

static void five_mistakes_give_five_messages(void **state)
{
    (void)state;
    refused("study: tiny\n"
            "model: {weights: missing.safetensors}\n"
            "data:\n"
            "  format: idx\n"
            "  images: images.idx\n"
            "  labels: labels.idx\n"
            "  preproces: {pad: 2}\n"
            "  take: {count: 2000, seed: 7}\n"
            "ablate:\n"
            "  - name: one\n"
            "    layers: conv*\n"
            "    filters: {lowest: l1, fraction: 1.5}\n"
            "    mode: mean\n",
            NULL,
            (const expected[]){
                {"2:18", "missing.safetensors: cannot be opened: No such file or directory"},
                {"7:3", "unknown key \"preproces\" in data; did you mean \"preprocess\"?"},
                {"8:9", "20 images can be taken"},
                {"12:37", "fraction is \"1.5\"; give a number greater than 0 and at most 1"},
                {"13:11", "mode mean needs the channels' mean activations over calibration images; add calibration: "
                          "{count: 256, seed: 1} to data"},
                {NULL, NULL},
            });
}

static void five_other_mistakes_give_five_messages(void **state)
{
    (void)state;
    refused("study: ti ny\n"
            "model: {weights: weights.safetensors}\n"
            "data:\n"
            "  format: idx\n"
            "  images: missing.idx\n"
            "  labels: absent.idx\n"
            "ablate:\n"
            "  - name: one\n"
            "    layers: conv9\n"
            "    filters: {random: {fraction: 0.5, seed: 0..9}}\n",
            NULL,
            (const expected[]){
                {"1:8", "study \"ti ny\": use only the letters"},
                {"5:11", "missing.idx: cannot be opened"},
                {"6:11", "absent.idx: cannot be opened"},
                {"9:13", "the network has no layer \"conv9\""},
                {"10:39", "unknown key \"seed\" in random; did you mean \"seeds\"?"},
                {NULL, NULL},
            });
}

/* One mistake in an otherwise valid study. */
static void check_one(const char *text, const char *place, const char *part)
{
    refused(text, NULL, (const expected[]){{place, part}, {NULL, NULL}});
}

static void what_is_missing_is_named(void **state)
{
    (void)state;
    refused("x: 1\n", NULL,
            (const expected[]){
                {"1:1", "unknown key \"x\" in the study; it can be: study, model, data, ablate, metrics, stop"},
                {"1:1", "key \"study\" is missing"},
                {"1:1", "key \"model\" is missing"},
                {"1:1", "key \"data\" is missing"},
                {"1:1", "key \"ablate\" is missing"},
                {NULL, NULL}});
    refused("study: a\nmodel: {}\ndata: {}\nablate: [{}]\n", NULL,
            (const expected[]){{"2:8", "key \"weights\" is missing here; give the path of a safetensors file"},
                               {"3:7", "key \"format\" is missing here; give imagefolder, cifar10, idx or npy"},
                               {"4:10", "key \"name\" is missing"},
                               {"4:10", "key \"layers\" is missing"},
                               {"4:10", "key \"filters\" is missing"},
                               {NULL, NULL}});
}

static void wrong_kinds_are_named(void **state)
{
    (void)state;
    refused("study: [a]\nmodel: x\ndata: [1]\nablate: {name: a}\nmetrics: {}\n", NULL,
            (const expected[]){{"1:8", "study is a list; give a text"},
                               {"2:8", "model is \"x\"; give a map such as {weights: vgg19.safetensors}"},
                               {"3:7", "data is a list; give a map with format, and images and labels or path"},
                               {"4:9", "ablate is a map; give a list of experiments"},
                               {"5:10", "metrics is a map; give a list such as [top1, top5, loss, kl]"},
                               {NULL, NULL}});
    refused("study:\nmodel:\ndata:\nablate:\n", NULL,
            (const expected[]){{"1:7", "study is empty"},
                               {"2:7", "model is empty"},
                               {"3:6", "data is empty"},
                               {"4:8", "ablate is empty"},
                               {NULL, NULL}});
    check_one("just text\n", "1:1", "the study is \"just text\"; give a map with study, model, data and ablate");
    check_one("- a\n", "1:1", "the study is a list");
    check_one("", "", "is empty");
    check_one("# nothing\n", "", "is empty");
}

static void experiments_are_checked(void **state)
{
    (void)state;
    check_one(HEAD "ablate: [a]\n", "11:10", "experiment is \"a\"; give a map with name, layers, filters and mode");
    check_one(HEAD "ablate:\n  - {name: baseline, layers: fc6, filters: all}\n", "12:12",
              "name \"baseline\" is kept for the intact network");
    check_one(HEAD "ablate:\n  - {name: a, layers: fc6, filters: all}\n  - {name: a, layers: fc7, filters: all}\n",
              "13:12", "name \"a\" is taken by the experiment at line 12");
    check_one(HEAD "ablate:\n  - {name: a/b, layers: fc6, filters: all}\n", "12:12", "use only the letters");
    check_one(HEAD "ablate:\n  - {name: a, layers: fc6, filters: all, fliters: 1}\n", "12:42",
              "unknown key \"fliters\" in experiment; did you mean \"filters\"?");
    check_one(HEAD "ablate:\n  - {name: a, layers: fc6, filters: all, together: yes}\n", "12:52",
              "unknown together \"yes\"; it can be: false, true");
    check_one(HEAD "ablate:\n  - {name: a, layers: fc*, filters: each, together: true}\n", "12:53",
              "each makes a job of every filter, so that nothing is removed together");
    check_one(HEAD "ablate:\n  - {name: a, layers: fc*, filters: {similar: {groups: 2}}, together: true}\n", "12:71",
              "every layer has its own groups, a job each");
    check_one(ONE("fc6", "all", "nothing"), "15:11",
              "unknown mode \"nothing\"; it can be: zero, mean, resample, noise");
    check_one(ONE("fc6", "all", "[zero, mean, zero]"), "15:24", "mode zero is given twice");
    check_one(ONE("fc6", "all", "[]"), "15:11", "mode is an empty list; give zero, mean, resample, noise or");
}

static void selectors_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *filters, *place, *part;
    } cases[] = {
        {"every", "14:14", "unknown filters \"every\"; it can be: each, all"},
        {"", "14:13", "filters is empty; give each, all, a list"},
        {"[]", "14:14", "filter is an empty list"},
        {"[0, a]", "14:18", "filter is \"a\"; give whole numbers or ranges, such as [0, 8..15]"},
        {"[0, -1]", "14:18", "filter is \"-1\""},
        {"[0, [1]]", "14:18", "filter is a list"},
        {"[5..2]", "14:15", "range \"5..2\" is reversed; write 2..5"},
        {"[0, 3..6]", "14:18", "there is no filter 6 in layer conv2_1: it has 6, 0..5"},
        {"[99999999999]", "14:15", "filter \"99999999999\" is too large"},
        {"{each: [9, 0, 1]}", "14:22", "there is no filter 9 in layer conv2_1"},
        {"{}", "14:14",
         "filters does not say which; give each, random, lowest, highest, similar, cumulative, pairs or keep"},
        {"{fraction: 1}", "14:14", "filters does not say which"},
        {"{loest: l1, fraction: 0.5}", "14:15", "unknown key \"loest\" in filters; did you mean \"lowest\"?"},
        {"{similiar: {groups: 16}}", "14:15", "unknown key \"similiar\" in filters; did you mean \"similar\"?"},
        {"{each: 1, random: {count: 1}}", "14:24", "filters: give each or random, not both"},
        {"{lowest: l1, highest: l1, count: 1}", "14:27", "filters: give lowest or highest, not both"},
        {"{each: {}}", "14:21", "key \"count\" is missing here; say how many filters"},
        {"{each: {count: 7}}", "14:29", "count is 7, but layer conv2_1 has 6 filters; take at most 6, or other layers"},
        {"{each: {count: 0}}", "14:29", "count is \"0\"; give a whole number from 1 to 2147483647"},
        {"{each: {count: 1, seed: -1}}", "14:38", "seed is \"-1\"; give a whole number"},
        {"{each: [0], count: 1}", "14:26", "count has no meaning beside each; write {each: {count: ..}}"},
        {"{random: 0.5}", "14:23", "random is \"0.5\"; give a map such as {fraction: [0.1, 0.5], seeds: 0..9}"},
        {"{random: {seeds: 1}}", "14:23", "random does not say how many filters; add fraction: [0.1, 0.5] or count: 8"},
        {"{random: {count: 1, fraction: 0.5}}", "14:34", "random: give fraction or count, not both"},
        {"{random: {fraction: [0.5, 0]}}", "14:40", "fraction is \"0\"; give a number greater than 0 and at most 1"},
        {"{random: {fraction: -0.5}}", "14:34", "fraction is \"-0.5\"; give a number greater than 0"},
        {"{random: {fraction: 1.01}}", "14:34", "fraction is \"1.01\"; give a number greater than 0"},
        {"{random: {fraction: .nan}}", "14:34", "fraction is \".nan\"; give a number"},
        {"{random: {fraction: 0x1}}", "14:34", "fraction is \"0x1\"; give a number"},
        {"{random: {fraction: 1e999}}", "14:34", "fraction is \"1e999\"; give a number"},
        {"{random: {fraction: [0.5, 0.25, 5e-1]}}", "14:46", "fraction 5e-1 is given twice"},
        {"{random: {count: [2, 1, 2]}}", "14:38", "count 2 is given twice"},
        {"{random: {count: 7}}", "14:31", "count is 7, but layer conv2_1 has 6 filters"},
        {"{random: {count: 1, seeds: [0..4, 2]}}", "14:48", "seed 2 is given twice"},
        {"{random: {count: 1, seeds: a}}", "14:41", "seed is \"a\"; give whole numbers or ranges"},
        {"{random: {count: 1, seeds: []}}", "14:41", "seed is an empty list"},
        {"{random: {count: 1, seeds: 0..99999999999}}", "12:5", "at most 100000000 are possible: take fewer seeds"},
        {"{random: {count: 1, seeds: 0..99999999999999999}}", "12:5", "at most 100000000 are possible"},
        {"{lowest: l1}", "14:14", "lowest does not say how many filters"},
        {"{lowest: l3, count: 1}", "14:23", "unknown score \"l3\"; did you mean \"l1\"? (it can be: l1, l2, mean_act"},
        {"{lowest: apos, count: 1}", "14:23", "unknown score \"apos\"; did you mean \"apoz\"?"},
        {"{lowest: [apoz, l1, apoz], count: 1}", "14:34", "score apoz is given twice; remove one"},
        {"{lowest: [l1, l2, l1], count: 1}", "14:32", "score l1 is given twice"},
        {"{highest: [], count: 1}", "14:24", "highest is an empty list; give a score"},
        {"{lowest: {file: scores.csv}, count: 1}", "14:30",
         "scores.csv: cannot be opened: No such file or directory; give a path relative to the study file"},
        {"{lowest: {fiel: scores.csv}, count: 1}", "14:24", "unknown key \"fiel\" in score; did you mean \"file\"?"},
        {"{lowest: {}, count: 1}", "14:23", "key \"file\" is missing here; give the path of a file with the columns"},
        {"{similar: 16}", "14:24", "similar is \"16\"; give a map such as {groups: 16, metric: euclidean"},
        {"{similar: {}}", "14:24", "similar does not say which groups; add groups: 16, distance: 0.5 or fraction"},
        {"{similar: {groups: 2, distance: 1}}", "14:36", "similar: give groups or distance, not both"},
        {"{similar: {groups: 0}}", "14:33", "groups is \"0\"; give a whole number from 1 to"},
        {"{similar: {groups: [2, 7]}}", "14:37", "groups is 7, but layer conv2_1 has 6 filters; take at most 6"},
        {"{similar: {groups: [2, 3, 2]}}", "14:40", "groups 2 is given twice; remove one"},
        {"{similar: {distance: -1}}", "14:35", "distance is \"-1\"; give a number of at least 0"},
        {"{similar: {distance: [1, 1.0]}}", "14:39", "distance 1.0 is given twice"},
        {"{similar: {fraction: 2}}", "14:35", "fraction is \"2\"; give a number greater than 0 and at most 1"},
        {"{similar: {groups: 2, metric: euclidian}}", "14:44",
         "unknown metric \"euclidian\"; did you mean \"euclidean\"?"},
        {"{similar: {groups: 2, linkage: [ward, ward]}}", "14:52", "linkage ward is given twice"},
        {"{similar: {groups: 2, linkage: []}}", "14:45", "linkage is an empty list"},
        {"{similar: {groups: 2, normalise: l1}}", "14:47",
         "unknown normalise \"l1\"; did you mean \"l2\"? (it can be: none,"},
        {"{similar: {groups: 2, normalize: l2}}", "14:36",
         "unknown key \"normalize\" in similar; did you mean \"normalise\"?"},
        {"{similar: {groups: 2, metric: cosine, linkage: ward}}", "14:61",
         "linkage ward is defined for metric euclidean only"},
        {"{similar: {groups: 2}, fraction: 0.5}", "14:37",
         "fraction has no meaning beside similar; write {similar: {fr"},
        {"{cumulative: l1}", "14:27", "cumulative is \"l1\"; give a map such as {order: l1, steps: 16}"},
        {"{cumulative: {order: l1}}", "14:27", "key \"steps\" is missing here; say how many points the curve has"},
        {"{cumulative: {steps: 4}}", "14:27", "key \"order\" is missing here; give a score, such as l1, or random"},
        {"{cumulative: {order: l1, step: 4}}", "14:39", "unknown key \"step\" in cumulative; did you mean \"steps\"?"},
        {"{cumulative: {order: l1, steps: 0}}", "14:46", "steps is \"0\"; give a whole number from 1 to 100000"},
        {"{cumulative: {order: l1, steps: [2, 4]}}", "14:46", "steps is a list; give a whole number"},
        {"{cumulative: {order: rando, steps: 4}}", "14:35",
         "unknown score \"rando\"; did you mean \"random\"? (it can be: l1, l2, mean_act"},
        {"{cumulative: {order: [l1, random], steps: 4}}", "14:40",
         "random stands alone: give it an experiment of its own"},
        {"{cumulative: {order: l1, steps: 4, seeds: 0..4}}", "14:49", "nothing is random about the order of a score"},
        {"{cumulative: {order: l1, steps: 4, first: best}}", "14:56",
         "unknown first \"best\"; it can be: lowest, highest"},
        {"{cumulative: {order: random, steps: 4, first: lowest}}", "14:53", "a random order has no lowest or highest"},
        {"{cumulative: {order: random, steps: 4, seeds: [1, 1]}}", "14:64", "seed 1 is given twice"},
        {"{cumulative: {order: l1, steps: 4}, count: 1}", "14:50",
         "count has no meaning beside cumulative; write {cumul"},
        {"{pairs: every}", "14:22", "unknown filters \"every\"; it can be: each, all"},
        {"{pairs: 3}", "14:22", "pairs need two filters, but this is 1 of the 6 of layer conv2_1; take more of them"},
        {"{pairs: {lowest: l1, fraction: [0.5, 0.1]}}", "14:51", "pairs need two filters, but this is 1 of the 6"},
        {"{pairs: {similar: {groups: 2}}}", "14:22", "pairs are made of the filters of each, all, a list"},
        {"{pairs: {pairs: all}}", "14:22", "pairs are made of the filters of each, all, a list"},
        {"{pairs: {cumulative: {order: l1, steps: 2}}}", "14:22", "pairs are made of"},
        {"{pairs: {highest: l1, count: 2}, count: 20}", "14:47",
         "count has no meaning beside pairs; write {pairs: {highest"},
        {"{keep: all}", "14:21", "what is kept is given by each, a list, {random: ..}"},
        {"{keep: {keep: 1}}", "14:21", "what is kept is given by each, a list"},
        {"{keep: {pairs: all}}", "14:21", "what is kept is given by"},
        {"{keep: [0..5]}", "14:21", "all 6 filters of layer conv2_1 are kept, so that nothing is removed; keep fewer"},
        {"{keep: {highest: l1, fraction: [0.5, 0.99]}}", "14:51", "all 6 filters of layer conv2_1 are kept"},
        {"{keep: {similar: {groups: [2, 1]}}}", "14:44", "all 6 filters of layer conv2_1 are kept"},
        {"{keep: {similar: {distance: [0, 1e9]}}}", "14:46", "at this distance all 6 filters of layer conv2_1 are one"},
        {"{keep: [0..6]}", "14:22", "there is no filter 6 in layer conv2_1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD "ablate:\n  - name: one\n    layers: conv2_1\n    filters: %s\n",
                 cases[i].filters);
        check_one(text, cases[i].place, cases[i].part);
    }
}

/* A study of images that need no padding, whose section data ends in a line of the test's, the seventh. */
#define DATA(line)                                                                                    \
    "study: tiny\nmodel: {weights: weights.safetensors}\ndata:\n  format: idx\n  images: large.idx\n" \
    "  labels: labels.idx\n  " line "\nablate: []\n"

static void data_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *part;
    } cases[] = {
        {DATA("take: some"), "7:9", "take is \"some\"; give all, or a map such as {count: 1000, seed: 7}"},
        {DATA("take: {seed: 1}"), "7:9", "take does not say how many images"},
        {DATA("take: {count: 1, first: 2}"), "7:20", "take: give only one of count, per_class and first"},
        {DATA("take: {first: 2, seed: 1}"), "7:20", "nothing is random about the first images; remove seed"},
        {DATA("take: {count: 0}"), "7:17", "number of images is \"0\"; give a whole number from 1 to 2147483647"},
        {DATA("take: {count: 1.5}"), "7:17", "number of images is \"1.5\""},
        {DATA("take: {per_class: 7}"), "7:9", "of class 2 6 images can be taken"},
        {DATA("take: {cuont: 7}"), "7:10", "unknown key \"cuont\" in take; did you mean \"count\"?"},
        {DATA("calibration: all"), "7:16", "take: all leaves no images for calibration; give take a count"},
        {DATA("take: {count: 19}\n  calibration: {first: 2}"), "8:16", "1 images can be taken"},
        {DATA("preprocess: imagenet"), "7:15", "3 means and stds are given, but the images have 1"},
        {DATA("preprocess: imagenett"), "7:15", "unknown preprocess \"imagenett\"; did you mean \"imagenet\"?"},
        {DATA("preprocess:"), "7:14", "preprocess is empty; give imagenet, cifar10, or a map such as {resize: 256"},
        {DATA("preprocess: {resize: 0}"), "7:24", "resize is \"0\"; give a whole number from 1 to 4096"},
        {DATA("preprocess: {resize: [32, 32]}"), "7:24", "resize is a list; give a whole number"},
        {DATA("preprocess: {resize: 32, interpolation: nearest}"), "7:43",
         "unknown interpolation \"nearest\"; it can be: bilinear, bicubic"},
        {DATA("preprocess: {interpolation: bicubic}"), "7:31", "interpolation is that of resize; give resize too"},
        {DATA("preprocess: {crop: 5000}"), "7:22", "crop is \"5000\"; give a whole number from 1 to 4096"},
        {DATA("skip_broken: perhaps"), "7:16", "unknown skip_broken \"perhaps\"; it can be: false, true"},
        {DATA("preprocess: {pad: -1}"), "7:21", "pad is \"-1\"; give a whole number from 0 to 1024"},
        {DATA("preprocess: {mean: [0, x]}"), "7:26", "mean is \"x\"; give a number"},
        {DATA("preprocess: {std: [1, 0]}"), "7:25", "std must be greater than 0"},
        {DATA("preprocess: {std: 1e-60}"), "7:21", "std must be greater than 0"},
        {DATA("preprocess: {mean: 1e9}"), "7:22", "mean is out of range"},
        {DATA("preprocess: {mean: [0, 1], std: [1, 1, 1]}"), "7:35", "std has 3 numbers, but mean has 2"},
        {DATA("preprocess: {mean: [0, 1]}"), "7:15", "2 means and stds are given, but the images have 1"},
        {DATA("preprocess: {mean: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}"), "7:22", "images have at most 16"},
        {DATA("path: x"), "7:3", "format idx has no key \"path\"; give images and labels"},
        {DATA("classes: none.txt"), "7:12", "none.txt: cannot be opened"},
        {DATA("classes: ."), "7:12", "is not a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_one(cases[i].text, cases[i].place, cases[i].part);
}

static void formats_are_checked(void **state)
{
    (void)state;
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: imagefolder, images: images.idx, labels: labels.idx}\nablate: []\n",
            NULL,
            (const expected[]){{"3:7", "key \"path\" is missing here; give the path of the folder"},
                               {"3:29", "format imagefolder has no key \"images\"; give path"},
                               {"3:49", "format imagefolder has no key \"labels\"; give path"},
                               {NULL, NULL}});
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: image_folder, path: ., preprocess: {crop: 0}}\nablate: []\n",
            NULL,
            (const expected[]){{"3:16", "unknown format \"image_folder\"; did you mean \"imagefolder\"?"},
                               {"3:58", "crop is \"0\""},
                               {NULL, NULL}});
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: imagefolder, path: nowhere, classes: none.txt}\nablate: []\n",
            NULL,
            (const expected[]){{"3:35", "nowhere: cannot be opened: No such file or directory"},
                               {"3:53", "none.txt: cannot be opened"},
                               {NULL, NULL}});
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: imagefolder, path: .}\nablate: []\n",
            NULL,
            (const expected[]){{"3:35", "has no JPEG or PNG file in it: expected one folder a class"}, {NULL, NULL}});
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: cifar10, path: images.idx}\nablate: []\n",
            NULL,
            (const expected[]){{"3:31", "images.idx: is not a file of the binary version of CIFAR-10"}, {NULL, NULL}});
    refused("study: a\nmodel: {weights: weights.safetensors}\n"
            "data: {format: npy, images: images.idx, labels: labels.idx}\nablate: []\n",
            NULL, (const expected[]){{"3:29", "images.idx: is not an npy file"}, {NULL, NULL}});
    refused("study: a\nmodel: {weights: labels.idx}\n"
            "data: {format: idx, images: images.idx, labels: images.idx}\nablate: []\n",
            NULL,
            (const expected[]){{"2:18", "labels.idx: is cut short or no safetensors file"},
                               {"3:49", "images.idx: is an idx file of images, not of labels"},
                               {NULL, NULL}});
}

static void the_network_and_the_data_must_fit(void **state)
{
    (void)state;
    fixture_labels("many.idx", FIXTURE_IMAGES, 5);
    fixture_labels("few.idx", FIXTURE_IMAGES - 1, 3);
    fixture_write("names.txt", "a\nb\nc\nd\n", 8);
    fixture_write("names2.txt", "a\nb\n", 4);
    refused(ONE("fc6", "all", "zero"), (const char *[]){"data.labels=many.idx", NULL},
            (const expected[]){{"--set data.labels=many.idx", "the greatest label in "}, {NULL, NULL}});
    refused(DATA("classes: names.txt"), NULL,
            (const expected[]){{"7:12", "names.txt names 4 classes, but the network has 3 logits"}, {NULL, NULL}});
    refused(DATA("classes: names2.txt"), NULL,
            (const expected[]){{"7:12", "names 2 classes, but the label of image 2 in"}, {NULL, NULL}});
    refused(ONE("fc6", "all", "zero"), (const char *[]){"data.preprocess.pad=1", NULL},
            (const expected[]){{"5:11", "images of 30 x 30 are too small"}, {NULL, NULL}});
    refused(ONE("fc6", "all", "zero"), (const char *[]){"data.labels=few.idx", NULL},
            (const expected[]){{"--set data.labels=few.idx", "has 19 labels, but "}, {NULL, NULL}});
}

static void metrics_are_checked(void **state)
{
    (void)state;
    static const char head[] = "study: a\nmodel: {weights: weights.safetensors}\n"
                               "data: {format: idx, images: large.idx, labels: labels.idx}\n"
                               "ablate: []\n";
    char text[512];
    snprintf(text, sizeof text, "%smetrics: [top1, per_clas, drfit]\n", head);
    refused(text, NULL,
            (const expected[]){{"5:17", "unknown metric \"per_clas\"; did you mean \"per_class\"?"},
                               {"5:27", "unknown metric \"drfit\"; did you mean \"drift\"?"},
                               {NULL, NULL}});
}

static void modes_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *mode, *place, *part;
    } cases[] = {
        {"resampel", "15:11", "unknown mode \"resampel\"; did you mean \"resample\"?"},
        {"[resample, {resample: {seeds: 1}}]", "15:23", "mode resample is given twice; remove one"},
        {"{resampel: {seeds: 1}}", "15:12", "unknown key \"resampel\" in mode; did you mean \"resample\"?"},
        {"{}", "15:11", "mode is an empty map; give zero, mean, resample or noise"},
        {"{resample: {}, noise: {}}", "15:26", "mode: give resample or noise, not both"},
        {"{zero: {seeds: 1}}", "15:12", "nothing is random about mode zero; write zero alone"},
        {"[zero, {mean: {seeds: 0..4}}]", "15:19", "nothing is random about mode mean; write mean alone"},
        {"{noise: 0..4}", "15:19", "mode noise is \"0..4\"; give a map such as {seeds: 0..4}"},
        {"{noise: [1]}", "15:19", "mode noise is a list; give a map"},
        {"{noise: }", "15:19", "mode noise is empty; give a map such as {seeds: 0..4}"},
        {"{noise: {seed: 1}}", "15:20", "unknown key \"seed\" in mode noise; did you mean \"seeds\"?"},
        {"{noise: {seeds: [0..4, 2]}}", "15:34", "seed 2 is given twice"},
        {"{noise: {seeds: [4..0]}}", "15:28", "range \"4..0\" is reversed; write 0..4"},
        {"{noise: {seeds: -1}}", "15:27", "seed is \"-1\"; give whole numbers or ranges"},
        {"{noise: {seeds: 0..999999999}}", "12:5", "this experiment has 1000000000 jobs (1 layer x 1000000000 seeds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, ONE("fc6", "all", "%s"), cases[i].mode);
        check_one(text, cases[i].place, cases[i].part);
    }
}

/* A study whose calibration is the test's, in line 5. */
#define CALIBRATED(calibration, experiments)                                                    \
    "study: a\nmodel: {weights: weights.safetensors}\n"                                         \
    "data: {format: idx, images: large.idx, labels: labels.idx,\n  take: {count: 6, seed: 7}\n" \
    "  " calibration "}\nablate:\n" experiments

static void calibration_images_must_be_enough(void **state)
{
    (void)state;
    refused(CALIBRATED("", "  - {name: a, layers: fc6, filters: {lowest: [l1, apoz], count: 1}}\n"
                           "  - {name: b, layers: fc6, filters: {cumulative: {order: selectivity, steps: 2}}}\n"
                           "  - {name: c, layers: fc6, filters: {pairs: {highest: mean_activation, count: 2}}}\n"
                           "  - {name: d, layers: fc6, filters: all, mode: [zero, resample, {noise: {seeds: 1}}]}\n"),
            NULL,
            (const expected[]){
                {"7:51", "score apoz is computed from activations on calibration images; add calibration: {count: 256"},
                {"8:58", "score selectivity is computed from activations"},
                {"9:55", "score mean_activation is computed from"},
                {"10:55", "mode resample takes the channels' activations from calibration images; add calibration"},
                {"10:66", "mode noise needs the channels' means and deviations over calibration images; add"},
                {NULL, NULL}});
    check_one(CALIBRATED(", calibration: {count: 1}", "  - {name: d, layers: fc6, filters: all, mode: resample}\n"),
              "5:18", "mode resample needs at least 2 calibration images, but this is 1; take more, such as");
    check_one(CALIBRATED(", calibration: {count: 1}", "  - {name: d, layers: fc6, filters: all, mode: noise}\n"),
              "5:18", "mode noise needs at least 2 calibration images");
    check_one(CALIBRATED(", calibration: {count: 1}",
                         "  - {name: d, layers: fc6, filters: {lowest: selectivity, count: 1}}\n"),
              "5:18", "score selectivity compares classes, but all calibration images (1) are of class ");
}

static void stopping_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *stop, *place, *part;
    } cases[] = {
        {"stop: 0.005", "12:7", "stop is \"0.005\"; give a map such as {metric: top1, half_width: 0.005}"},
        {"stop:", "12:6", "stop is empty; give a map such as"},
        {"stop: {}", "12:7", "key \"half_width\" is missing here; say how well the change of top-1 is to be known"},
        {"stop: {half_width: 0}", "12:20", "half_width is \"0\"; give a number greater than 0 and less than 1"},
        {"stop: {half_width: 1}", "12:20", "half_width is \"1\"; give a number greater than 0 and less than 1"},
        {"stop: {half_width: [0.1]}", "12:20", "half_width is a list; give a number"},
        {"stop: {half_width: .nan}", "12:20", "half_width is \".nan\"; give a number"},
        {"stop: {half_width: 0.1, confidence: 95}", "12:37", "confidence is \"95\"; give a number greater than 0 and "},
        {"stop: {half_width: 0.1, metric: loss}", "12:33", "unknown metric \"loss\"; it can be: top1"},
        {"stop: {half_width: 0.1, seed: -1}", "12:31", "seed is \"-1\"; give a whole number from 0"},
        {"stop: {half_widht: 0.1}", "12:8", "unknown key \"half_widht\" in stop; did you mean \"half_width\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD "ablate: []\n%s\n", cases[i].stop);
        check_one(text, cases[i].place, cases[i].part);
    }
    refused(HEAD "ablate: []\n", (const char *[]){"stop.half_width=0.1", "metrics=[per_class, images, drift]", NULL},
            (const expected[]){{"--set metrics=[per_class, images, drift]",
                                "metric per_class is measured on all images of a job, but stop ends jobs before that"},
                               {"--set metrics=[per_class, images, drift]", "metric drift is measured on all images"},
                               {NULL, NULL}});
}

/* A long list of mistakes is cut: the first ones are enough to begin with. */
static void many_mistakes_are_cut(void **state)
{
    (void)state;
    lsn_text text = {0};
    lsn_text_add(&text, HEAD "ablate:\n  - {name: one, layers: [");
    for (int i = 0; i < 150; i++)
        lsn_text_add(&text, "x%d, ", i);
    lsn_text_add(&text, "conv1_1], filters: all}\n");
    const char *path = fixture_write("many.yaml", text.data, text.length);
    lsn_problems problems = {0};
    lsn_error err = {0};
    assert_null(lsn_plan_create(path, NULL, 0, &problems, &err));
    assert_int_equal(problems.count, 101);
    assert_non_null(strstr(problems.text[100], "many.yaml: and 50 more mistakes"));
    lsn_problems_finish(&problems);
    lsn_text_finish(&text);
}

static void a_missing_study_is_said(void **state)
{
    (void)state;
    lsn_problems problems = {0};
    lsn_error err = {0};
    assert_null(lsn_plan_create("/nowhere/study.yaml", NULL, 0, &problems, &err));
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.text[0], "/nowhere/study.yaml: cannot be opened: No such file or directory");
    lsn_problems_finish(&problems);
    assert_null(lsn_plan_create("/", NULL, 0, &problems, NULL));
    assert_string_equal(problems.text[0], "/: is not a file");
    lsn_problems_finish(&problems);
    lsn_plan_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_mistakes_give_five_messages),
        cmocka_unit_test(five_other_mistakes_give_five_messages),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(wrong_kinds_are_named),
        cmocka_unit_test(experiments_are_checked),
        cmocka_unit_test(selectors_are_checked),
        cmocka_unit_test(data_is_checked),
        cmocka_unit_test(formats_are_checked),
        cmocka_unit_test(the_network_and_the_data_must_fit),
        cmocka_unit_test(metrics_are_checked),
        cmocka_unit_test(modes_are_checked),
        cmocka_unit_test(calibration_images_must_be_enough),
        cmocka_unit_test(stopping_is_checked),
        cmocka_unit_test(many_mistakes_are_cut),
        cmocka_unit_test(a_missing_study_is_said),
    };
    return cmocka_run_group_tests(tests, open_with_large_images, fixture_close);
}
