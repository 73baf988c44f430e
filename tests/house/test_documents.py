#!/usr/bin/env python3
"""What the documents name is there: files and folders of this repository, links, tests."""
import glob
import os
import re
import sys

ROOT = os.environ.get('LESION_SOURCE', os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
FOLDERS = [name for name in sorted(os.listdir(ROOT)) if os.path.isdir(os.path.join(ROOT, name)) and name[0] != '.']
MADE = ('results/', 'build')  # folders that a run or a build fills


def documents():
    return [os.path.relpath(path, ROOT) for pattern in ('*.md', '*/*.md') for path in glob.glob(os.path.join(ROOT, pattern))]


def named_paths(text):
    """Paths in backquotes or code blocks that begin with a folder of ours; a star or capitals stand for any name."""
    for folder in FOLDERS:
        for path in re.findall(rf'(?<![\w/.$~-])({folder}/[\w./*-]*)', text):
            yield path.rstrip('.')


def exists(path):
    pattern = re.sub(r'(?<![A-Z])[A-Z]{4,}(?![A-Z])', '*', os.path.join(ROOT, path)[len(ROOT):])
    return bool(glob.glob(ROOT + pattern)) or (path.startswith(MADE) and not path.endswith('.sql'))


def links(document, text):
    for target in re.findall(r'\]\(([^)#\s]+)(?:#[\w-]*)?\)', text):
        if not re.match(r'\w+:', target):
            yield target, os.path.join(ROOT, os.path.dirname(document), target)


def main():
    wrong, n = [], 0
    builds = ''.join(open(path).read() for path in glob.glob(os.path.join(ROOT, 'tests/**/meson.build'), recursive=True))
    for document in documents():
        text = open(os.path.join(ROOT, document)).read()
        for path in named_paths(text):
            n += 1
            if not exists(path):
                wrong.append(f'{document} names {path}, which is not there')
        for target, path in links(document, text):
            n += 1
            if not os.path.exists(path):
                wrong.append(f'{document} links to {target}, which is not there')
        for name in re.findall(r'meson test -C build ([a-z_]+)', text):
            n += 1
            if f"test('{name}'" not in builds:
                wrong.append(f'{document} names the test {name}, which is not there')
    if n < 50:
        wrong.append(f'this test found only {n} names: it does not read the documents any more')
    print('\n'.join(wrong) or f'{n} names in {len(documents())} documents are right')
    return 1 if wrong else 0


sys.exit(main())
