#!/usr/bin/env python3
"""The real VGG-19 on 50 images of ImageNet: files, preprocessing and network together against PyTorch and torchvision.

Needs LESION_VGG19, the weights, and LESION_VGG19_IMAGES, the folder of images (one of each class whose number divides by
20, from a public sample of ImageNet, in a folder a class), beside which lies synsets.txt, the list of the classes'
folders; skipped without. tools/make_vgg19_images_golden.py made the logits.
"""
import array
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
TOLERANCE = 1e-4
IMAGES, CLASSES, TOP1, TOP5 = 50, 1000, 41, 49
STUDY = """study: golden
model: {{weights: {weights}}}
data:
  format: imagefolder
  path: {images}
  classes: {images}/../synsets.txt
  preprocess: imagenet
ablate: []
"""


def read_npy(path):
    """float32 [images][classes]."""
    data = open(path, 'rb').read()
    values = array.array('f')
    values.frombytes(data[10 + data[8] + 256 * data[9]:])
    assert len(values) == IMAGES * CLASSES, f'{path}: {len(values)} values'
    return [values[i * CLASSES:(i + 1) * CLASSES] for i in range(IMAGES)]


def best(logits, count):
    return sorted(range(CLASSES), key=lambda c: -logits[c])[:count]


def printed(output, name):
    return next(float(line.split()[1]) for line in output.splitlines() if line.startswith(name))


def main():
    weights, images = os.environ.get('LESION_VGG19'), os.environ.get('LESION_VGG19_IMAGES')
    if weights is None or images is None:
        print('skipped: set LESION_VGG19 to the weights of ImageNet\'s VGG-19, and LESION_VGG19_IMAGES to the images')
        return 77
    with tempfile.TemporaryDirectory() as folder:
        study, found = os.path.join(folder, 'study.yaml'), os.path.join(folder, 'logits.npy')
        open(study, 'w').write(STUDY.format(weights=os.path.abspath(weights), images=os.path.abspath(images)))
        output = subprocess.run([os.environ['LESION'], 'eval', study, '--logits', found], check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        mine = read_npy(found)
    golden = read_npy(os.path.join(SOURCE, 'tests', 'golden', 'vgg19_images_logits.npy'))
    worst = max(abs(a - b) for one, two in zip(mine, golden) for a, b in zip(one, two))
    same1 = sum(best(one, 1) == best(two, 1) for one, two in zip(mine, golden))
    same5 = sum(best(one, 5) == best(two, 5) for one, two in zip(mine, golden))
    top1, top5 = printed(output, 'top1'), printed(output, 'top5')
    print(f'largest difference of a logit {worst:.3g} (tolerance {TOLERANCE}); of {IMAGES} images the first class is '
          f'the same in {same1}, the first five in {same5}; top1 {top1}, top5 {top5}')
    good = worst <= TOLERANCE and same1 == same5 == IMAGES
    return 0 if good and abs(top1 - TOP1 / IMAGES) < 1e-6 and abs(top5 - TOP5 / IMAGES) < 1e-6 else 1


sys.exit(main())
