"""``python -m companion.pretrained [PHOTO]``: the five classes of a photograph."""

import argparse
import sys

from companion import data, models, pretrained


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m companion.pretrained",
        description="Classify a photograph with published ImageNet weights.",
    )
    parser.add_argument(
        "photo", nargs="?", help="an image file; Grace Hopper in uniform if none"
    )
    parser.add_argument("--model", default="ResNet50", help="default: ResNet50")
    parser.add_argument("--source", help=", ".join(pretrained.published.SOURCES))
    parser.add_argument("--file", help="a file of weights to read instead")
    parser.add_argument("--list", action="store_true", help="list the published files")
    options = parser.parse_args(arguments)
    try:
        if options.list:
            print(pretrained.files(source=options.source))
            return
        image = read_photo(options.photo) if options.photo else data.photograph()
        row = pretrained.files(options.model, options.source)[0]
        model = getattr(models, row.model)(**row.arguments)
        pretrained.load(model, options.source, file=options.file)
        pixels = pretrained.preprocess(model, image)
        (found,) = pretrained.decode(model.predict(pixels, verbose=0))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(pretrained.describe(pretrained.row_of(model, None, None)))
    for _, name, probability in found:
        print(f"{probability:6.3f}  {name}")


def read_photo(path):
    from PIL import Image

    with Image.open(path) as image:
        return pretrained.upright(image)


if __name__ == "__main__":
    main()
