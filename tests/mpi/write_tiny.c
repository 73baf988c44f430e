/* write_tiny FOLDER IMAGES: the network and the images of the cli tests' small study. */
#include "../cli/tiny.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    char network[512], images[512], labels[512];
    if (argc != 3)
        return 2;
    snprintf(network, sizeof network, "%.400s/net.safetensors", argv[1]);
    snprintf(images, sizeof images, "%.400s/images.idx", argv[1]);
    snprintf(labels, sizeof labels, "%.400s/labels.idx", argv[1]);
    tiny_write_network(network, 1);
    tiny_write_images(images, labels, atoi(argv[2]), 2);
    return 0;
}
