#!/usr/bin/python3
"""Logits of the real VGG-19 on a folder of images, as PyTorch and torchvision give them: vgg19_images_logits.npy.

usage: make_vgg19_images_golden.py VGG19.safetensors IMAGES CLASSES
       (python3-torch, python3-torchvision, python3-pil; written with PyTorch 1.13.0, torchvision 0.14.1, Pillow 9.4.0)

IMAGES has a folder of each class, CLASSES is the list of their names in the network's order. Rows are in bytewise order
of the images' paths; what tests/cli/test_vgg19_images.py needs besides is printed.
"""
import json
import os
import struct
import sys

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision import transforms

HERE = os.path.dirname(os.path.abspath(__file__))


def load(path):
    with open(path, 'rb') as file:
        length = struct.unpack('<Q', file.read(8))[0]
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, 'r', 8 + length)
    network = torchvision.models.vgg19(weights=None)
    network.load_state_dict({
        name: torch.from_numpy(np.array(data[slice(*entry['data_offsets'])]).view(np.float32).reshape(entry['shape']))
        for name, entry in header.items() if name != '__metadata__'})
    return network.eval()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    weights, images, classes = sys.argv[1:]
    names = [line.split()[0] for line in open(classes) if line.strip()]
    paths = sorted((os.path.relpath(os.path.join(folder, name), images)
                    for folder, _, files in os.walk(images) for name in files), key=os.fsencode)
    prepare = transforms.Compose([
        transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    network = load(weights)
    with torch.no_grad():
        logits = np.stack([network(prepare(Image.open(os.path.join(images, path)).convert('RGB'))[None])[0].numpy()
                           for path in paths])
    np.save(os.path.join(HERE, '..', 'tests', 'golden', 'vgg19_images_logits.npy'), logits)
    labels = np.array([names.index(path.split('/')[0]) for path in paths])
    top5 = np.argsort(-logits, axis=1)[:, :5]
    print(f'{len(paths)} images, top1 {np.sum(top5[:, 0] == labels)}, top5 {np.sum(top5 == labels[:, None])}')


if __name__ == '__main__':
    main()
