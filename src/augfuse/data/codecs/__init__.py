"""One file for each image format: a bounded walk through its header, and what makes pixels of it.

A walk reads plain bytes with plain Python and allocates nothing, so that a file which lies about itself (a cut
download, a web page named .jpg, a decompression bomb) is refused before a C decoder sees it. Everything that goes
wrong is a `DecodeError`. `augfuse.data.decoding.decode` puts them together; nothing else uses these modules.
"""
