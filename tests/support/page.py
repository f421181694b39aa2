"""Pages as a browser would read them."""
import html.parser


class Page(html.parser.HTMLParser):
    """`faults`: tags that are not closed in their order, and whatever is loaded from elsewhere. `tags`: all there are."""
    EMPTY = {"meta", "br", "img", "link", "input", "hr"}

    def __init__(self, text: str):
        super().__init__()
        self.open, self.faults, self.tags = [], [], set()
        self.feed(text)
        self.faults += [f"never closed: {tag}" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.faults += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"closed out of order: {tag}")
