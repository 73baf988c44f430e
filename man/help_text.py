"""What 'lesion COMMAND --help' says, taken apart: the one source of the commands' options in the manual pages and in the
shells' completions."""
import re
import subprocess


class Option:
    """One option: `names` as they are written, `value` (None: takes none), what it does, and the words that its value
    is made of, each with what it means."""

    def __init__(self, names, value, text):
        self.names, self.value, self.text, self.parts = names, value, text, []

    @property
    def long(self):
        return self.names[-1]


class Help:
    """`usage` lines, then `blocks`: paragraphs (texts) and lists of options, in their order."""

    def __init__(self, usage, blocks):
        self.usage, self.blocks = usage, blocks

    @property
    def options(self):
        return [option for block in self.blocks if isinstance(block, list) for option in block]


OPTION = re.compile(r'^  ((?:-\w, )?--[\w-]+)(?: (\S+))?(?:  +(\S.*))?$')
PART = re.compile(r'^      (\S+)  +(\S.*)$')


def ask(program, *words):
    return subprocess.run([program, *words], check=True, stdout=subprocess.PIPE, text=True).stdout


def commands(program):
    """The commands and what each is for, as the overview has them."""
    return dict(re.findall(r'^  (\S+)  +(\S.*)$', ask(program, '--help'), re.M))


def join(text, more):
    return f'{text} {more}'.strip() if text else more


def parse_options(lines):
    options = []
    for line in lines:
        option, part = OPTION.match(line), PART.match(line)
        if option:
            options.append(Option(option.group(1).split(', '), option.group(2), option.group(3) or ''))
        elif part and options and not part.group(1).startswith('-'):
            options[-1].parts.append([part.group(1), part.group(2)])
        elif options and line.startswith('        ') and options[-1].parts:
            options[-1].parts[-1][1] = join(options[-1].parts[-1][1], line.strip())
        elif options and line.startswith('       '):
            options[-1].text = join(options[-1].text, line.strip())
        else:
            raise SystemExit(f'help: this line is neither an option nor the rest of one: {line!r}')
    return options


def parse(text):
    text = text[text.index('usage: '):]  # MPI's libraries may have complained before
    paragraphs = [p.split('\n') for p in text.strip('\n').split('\n\n')]
    usage = [re.sub(r'^usage:\s*', '', line).strip() for line in paragraphs[0]]
    blocks = []
    for lines in paragraphs[1:]:
        if lines[0].startswith('  '):
            blocks.append(parse_options(lines))
        else:
            blocks.append(' '.join(lines))
    return Help(usage, blocks)


def of(program, command):
    return parse(ask(program, command, '--help'))
