"""Lists as AWS gives them: in pages, and later than what happened.

A change is seen in a list up to `late` seconds after it, what is new as well as what is gone: until then the list shows the
item as it was before. Which operations change which list, and how an item is found in it, stands in LATE. Lists of S3 are
never late unless the manner says so (https://aws.amazon.com/s3/consistency/).
"""

import base64
import collections
import re
import threading
import time

# Items of a page at most: by operation, its list, how many, the marker in the request and in the answer.
# https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html and API_ListFunctions.html, "MaxItems".
PAGES = {
    "ListLayerVersions": ("LayerVersions", 50, "Marker", "NextMarker"),
    "ListLayers": ("Layers", 50, "Marker", "NextMarker"),
    "ListFunctions": ("Functions", 50, "Marker", "NextMarker"),
    "ListVersionsByFunction": ("Versions", 50, "Marker", "NextMarker"),
    "ListAliases": ("Aliases", 50, "Marker", "NextMarker"),
}
VERSIONS, FUNCTIONS, TAGGED, OBJECTS = (
    "lambda:ListLayerVersions",
    "lambda:ListFunctions",
    "tag:GetResources",
    "s3:ListObjectsV2",
)
LATE = {
    "lambda:PublishLayerVersion": [VERSIONS],
    "lambda:DeleteLayerVersion": [VERSIONS],
    "lambda:CreateFunction": [FUNCTIONS, TAGGED],
    "lambda:DeleteFunction": [FUNCTIONS, TAGGED],
    "lambda:UpdateFunctionConfiguration": [FUNCTIONS],
    "lambda:PublishVersion": [FUNCTIONS],
    "lambda:TagResource": [TAGGED],
    "lambda:UntagResource": [TAGGED],
    "s3:PutObject": [OBJECTS],
    "s3:DeleteObject": [OBJECTS],
}
CONTENTS = re.compile(rb"<Contents>.*?</Contents>", re.S)
KEY = re.compile(rb"<Key>(.*?)</Key>", re.S)


class Lists:
    """What the lists do not show yet. `ask` is moto: an environment becomes an answer."""

    def __init__(self, ask):
        self.ask, self.lock = ask, threading.Lock()
        # By list, account, region, and layer or bucket: item, how it was (None: not there), and until when that is shown.
        self.before = collections.defaultdict(list)

    def effect(self, asked, manner, chance):
        """Passes a request on to moto; remembers how late lists of it were before."""
        late = [name for name in LATE.get(asked.action, []) if manner.late(name) > 0]
        if not late:
            return self.ask(asked.forwarded())
        with self.lock:
            before = {name: self.items(asked, name) for name in late}
            answer = self.ask(asked.forwarded())
            for name in late:
                after, until = self.items(asked, name), time.monotonic() + chance.uniform(0, manner.late(name))
                keys = {key for key in before[name] | after if before[name].get(key) != after.get(key)}
                self.before[self.place(asked, name)] += [(key, before[name].get(key), until) for key in sorted(keys)]
        return answer

    def answer(self, asked, manner):
        """The answer to a request for a list."""
        operation = asked.operation
        if operation in PAGES and asked.service == "lambda":
            query = {key: value for key, value in asked.query.items() if key not in ("Marker", "MaxItems")}
            answer = self.ask(asked.forwarded(query=query))
            if answer.good:
                self.show_late(asked, answer)
                page(asked, answer, manner.document.get("pages"), *PAGES[operation])
            return answer
        answer = self.ask(asked.forwarded())
        if answer.good and asked.action in (OBJECTS, TAGGED):
            self.show_late(asked, answer)
        return answer

    def place(self, asked, name):
        inside = None
        if name == VERSIONS:
            inside = asked.in_path["LayerName"].rpartition(":layer:")[2].split(":")[0]
        elif name == OBJECTS:
            inside = asked.in_path["Bucket"]
        return name, asked.account, asked.region, inside

    def items(self, asked, name):
        """All items of a list as they truly are, by what identifies them."""
        if name == VERSIONS:
            layer = self.place(asked, name)[3]
            ask = asked.forwarded(method="GET", path=f"/2018-10-31/layers/{layer}/versions", query={}, body=b"")
        elif name == FUNCTIONS:
            ask = asked.forwarded(method="GET", path="/2015-03-31/functions/", query={"FunctionVersion": "ALL"}, body=b"")
        elif name == TAGGED:
            environ = asked.forwarded(
                method="POST", path="/", query={}, body=b"{}", target="ResourceGroupsTaggingAPI_20170126.GetResources"
            )
            scope = environ["HTTP_AUTHORIZATION"]
            ask = environ | {
                "HTTP_AUTHORIZATION": scope.replace("/lambda/aws4", "/tagging/aws4"),
                "CONTENT_TYPE": "application/x-amz-json-1.1",
            }
        else:
            ask = asked.forwarded(method="GET", path=f"/{asked.in_path['Bucket']}", query={"list-type": "2"}, body=b"")
        answer = self.ask(ask)
        return identified(name, items_of(name, answer)) if answer.good else {}

    def show_late(self, asked, answer):
        name = asked.action
        with self.lock:
            now, place = time.monotonic(), self.place(asked, name) if name in (VERSIONS, FUNCTIONS, TAGGED, OBJECTS) else None
            self.before[place] = hidden = [row for row in self.before[place] if row[2] > now]
            shown = identified(name, items_of(name, answer)) if hidden else {}
            # Of several changes of one item the oldest that is not seen yet counts.
            for key, old, _ in reversed(hidden):
                if old is not None and wanted(asked, old):
                    shown[key] = old
                else:
                    shown.pop(key, None)
        if hidden:
            put(name, answer, shown)


def items_of(name, answer):
    if name == OBJECTS:
        return CONTENTS.findall(answer.body)
    return answer.json()[{VERSIONS: "LayerVersions", FUNCTIONS: "Functions", TAGGED: "ResourceTagMappingList"}[name]]


def identified(name, items):
    if name == OBJECTS:
        return {KEY.search(item)[1]: item for item in items}
    if name == TAGGED:
        return {item["ResourceARN"]: item for item in items}
    if name == VERSIONS:
        return {item["Version"]: item for item in items}
    return {(item["FunctionName"], item["Version"]): item for item in items}


def put(name, answer, shown):
    items = [shown[key] for key in sorted(shown, reverse=name == VERSIONS)]
    if name == OBJECTS:
        start, end = CONTENTS.split(answer.body)[0], CONTENTS.split(answer.body)[-1]
        if start is end or start == end == answer.body:
            start, end = answer.body.replace(b"</ListBucketResult>", b""), b"</ListBucketResult>"
        body = re.sub(rb"<KeyCount>\d+", b"<KeyCount>%d" % len(items), start) + b"".join(items) + end
        answer.set_body(body)
        return
    key = {VERSIONS: "LayerVersions", FUNCTIONS: "Functions", TAGGED: "ResourceTagMappingList"}[name]
    answer.set_json(answer.json() | {key: items})


def wanted(asked, item):
    """Whether the list that is asked for would have this item."""
    if asked.action == OBJECTS:
        return KEY.search(item)[1].startswith(asked.query.get("prefix", "").encode())
    if asked.action == FUNCTIONS:
        return asked.query.get("FunctionVersion") == "ALL" or item["Version"] == "$LATEST"
    if asked.action == TAGGED:
        tags = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
        filters = asked.json().get("TagFilters", [])
        return all(row["Key"] in tags and tags[row["Key"]] in row.get("Values", [tags[row["Key"]]]) for row in filters)
    return True


def page(asked, answer, limit, key, most, marker, following):
    whole = answer.json()
    items = whole.get(key, [])
    start = int(base64.urlsafe_b64decode(asked.query[marker])) if marker in asked.query else 0
    end = start + min(most, limit or most, int(asked.query.get("MaxItems", most)))
    whole[key] = items[start:end]
    if end < len(items):
        whole[following] = base64.urlsafe_b64encode(b"%d" % end).decode()
    answer.set_json(whole)
