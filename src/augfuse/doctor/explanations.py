"""What each finding means and what to do: the text of docs/doctor.md, for `augfuse doctor --explain`."""

from __future__ import annotations

# {code: (what it means, what to do)}, in Markdown, paragraphs without line breaks.
EXPLANATIONS: dict[str, tuple[str, str]] = {
    "AF101": (
        "The file is empty, cut, damaged, a web page under the name of an image, or of a kind that `augfuse.decode` "
        "refuses. A loader stops at it.",
        "Replace it, or leave it out: `augfuse doctor DATA --quarantine list.txt`, then `augfuse train DATA --exclude "
        'list.txt`. `af.Loader(..., on_error="skip")` goes on without it.',
    ),
    "AF102": (
        "The name ends in `.heic`, `.ico`, `.psd` or another image suffix that augfuse does not read, so the image is "
        "left out.",
        "Save it as PNG or JPEG.",
    ),
    "AF103": (
        "A PNG named `.jpg`, for example. augfuse looks at the content; programs that look at the name fail.",
        "Rename it.",
    ),
    "AF104": (
        "Colours for print. They become RGB by a plain formula, without the colour profile, and may look dull or "
        "shrill.",
        "Compare them with the others; best save them as RGB.",
    ),
    "AF105": (
        "16-bit files decode to uint16, gray files of 32-bit numbers to int32 or float32, the others to uint8. One "
        "batch cannot hold two dtypes, so the loader raises an error at the first batch that would.",
        "Save them with 8 bits per channel.",
    ),
    "AF106": (
        "Cameras store a turned picture as it is, with a note in EXIF. augfuse sets it upright. Readers that ignore "
        "the note show the model a picture that lies on its side.",
        "Serve the model with a reader that applies EXIF, or save the files upright.",
    ),
    "AF107": (
        "Animated GIF, WebP and PNG files and multi-page TIFF files: only the first frame is used.",
        "Save the frames that you want as single images.",
    ),
    "AF108": (
        'With `color="rgb"` the alpha channel is dropped, and whatever colour lies under the transparent pixels shows.',
        'Paste the pictures onto a background, or use `color="rgba"`.',
    ),
    "AF109": (
        "Images beside the class folders, folders of images beside `train` and `val`, links that lead out of the data "
        "set, two folders for one part: all of these are left out.",
        "Move the images to where they belong; rename a part to `train`, `val` or `test`.",
    ),
    "AF110": (
        "The shorter side has less than 16 pixels, or an eighth of what is usual in this set.",
        "Leave them out; enlarged they are blur.",
    ),
    "AF111": (
        "More than four times as long as wide. A plain `Resize` squeezes them beyond recognition; often they are "
        "banners or logos.",
        'Look at them. `af.Resize(size, mode="cover")` with a crop keeps shapes.',
    ),
    "AF112": (
        "More than 16 megapixels. Decoding takes most of an epoch.",
        "Save smaller copies.",
    ),
    "AF113": (
        "Every pixel has the same value.",
        "Leave them out.",
    ),
    "AF201": (
        "The decoded pixels are equal, in one part, with one label. A later random split puts copies on both sides.",
        "Keep one of each.",
    ),
    "AF202": (
        "The decoded pixels of an image in one part are those of an image in another part: the model is tested on "
        "what it has seen.",
        "Leave the training copy out, which keeps the held-out part comparable; of a leak between val and test the "
        "copy in val.",
    ),
    "AF203": (
        "The same pixels carry two labels; one of them is wrong. Images of a part without labels do not count.",
        "Look at them. The quarantine list holds all copies.",
    ),
    "AF204": (
        "The same picture, saved anew, resized, or made brighter, in one part. Found by a 64-bit perceptual hash; "
        "reported only where the pixels agree: gray copies of 32x32 correlate by 0.95 or more, the fine detail by 0.7 "
        "or more, and the colours do too. For sets whose images look alike by nature (clothes, digits) both limits "
        "are 0.99.",
        "Keep one of each. Crops, mirror images and turned copies are not found; neither are copies of images with a "
        "side below 16 pixels.",
    ),
    "AF205": (
        "The same as AF204, in two parts.",
        "Leave the training copy out, or of a pair in val and test the copy in val.",
    ),
    "AF206": (
        "The same as AF204, with two labels.",
        "Look at them, and keep the right one.",
    ),
    "AF207": (
        "`groups.csv` (or `group` and `copy` in an `.npz`) says that images in a held-out part are augmented copies, "
        "or that their originals are trained on. The score would be too good.",
        "Split first, then augment the training part alone.",
    ),
    "AF301": (
        "The largest class has at least four times as many images as the smallest. The message gives the accuracy of "
        "a model that always predicts the most frequent class.",
        "Judge by recall of each class. Weight the classes, or find more images.",
    ),
    "AF302": (
        "Fewer than ten training images.",
        "Find more.",
    ),
    "AF303": (
        "A part has classes that the training part lacks (error), or lacks some that it has (warning).",
        "Split again, each class by itself: `train, val = data.split(0.2)`.",
    ),
    "AF304": (
        "Where class folders are missing in a part, numbering the folders of each part by itself gives a class two "
        "numbers. `af.from_directory` numbers all parts together; loaders that are given one part at a time do not, "
        "and their validation accuracy is nonsense.",
        "Give the parts the same folders, or the same list of classes.",
    ),
    "AF305": (
        "`Cat` and `cat` are two classes; so are `hot dog` and `hot_dog`. Names that differ in another sign, as `C` "
        "and `C++`, are not reported.",
        "Give them one name.",
    ),
    "AF306": (
        "There is nothing to tell apart.",
        "Put the images of each class into its own folder.",
    ),
    "AF307": (
        "`af.from_directory` refuses a class folder without images; often they have other suffixes, or it holds "
        "annotations. In arrays it is a warning, and training goes on: a name in `classes`, or a column of one-hot "
        "rows, has no images.",
        "Add images, or move the folder, the name or the column away.",
    ),
    "AF308": (
        "The labels of an array are sorted, so a cut at 80 % leaves whole classes on one side. "
        "`model.fit(validation_split=0.2)` cuts there, before it shuffles.",
        "Shuffle images and labels together, or use `data.split(0.2)`.",
    ),
    "AF309": (
        "Sparse losses want 0..k-1. A label below 0, or of k or more, is an error or, on a GPU, NaN.",
        "`y = np.unique(y, return_inverse=True)[1]`, over all parts together.",
    ),
    "AF310": (
        "The number of labels differs from the number of images, or labels are NaN or fractions, or rows are not "
        "one-hot: the classes of that part are not examined. Or `classes` does not name every label.",
        "One label for each image: numbers, names or one-hot rows; one name for each number.",
    ),
    "AF311": (
        "Other parts have images in class folders and this one has none; `x_test` without `y_test`, or the reverse. "
        "Sources and `augfuse train` refuse such data. A val or test folder without class folders is only left out: a "
        "hint.",
        "Give every part labels, or move the part away.",
    ),
    "AF312": (
        "One part has one-hot rows, another one class number for each image. `augfuse train` takes both; with "
        "`model.fit` no loss suits both, and validation fails or scores nonsense.",
        "`y = y.argmax(axis=1)` for the one-hot ones.",
    ),
    "AF313": (
        "All class folders hold folders of the same names, and no images beside them: most often they are the parts "
        "of a data set under unusual names (fold_a and fold_b), and the folders in them are the classes.",
        "Rename them to train, val and test; in Python `af.from_directory(path, part_names={...})` says which is "
        "which. If they are classes, `classes=[...]` says so.",
    ),
    "AF401": (
        "One part lies in 0..1 and another in 0..255, or one is standardised and the other is not. Every score on the "
        "other part is meaningless.",
        "Keep raw uint8 everywhere and let the recipe scale.",
    ),
    "AF402": (
        "One NaN in a batch makes every weight NaN.",
        "Find out where they come from.",
    ),
    "AF403": (
        "Sources and recipes take floats for 0..1 and refuse what lies outside, rather than guess.",
        "Pass `value_range=(0, 255)` to `af.from_arrays` and `af.Recipe`.",
    ),
    "AF404": (
        "An integer array other than uint8 or uint16, channels first, parts of different image shapes.",
        "The message has the line to type.",
    ),
    "AF501": (
        "The recipe was run on a few images, in training and in evaluation, and raised an error.",
        "Correct the recipe as the message says.",
    ),
    "AF502": (
        "Images of different sizes leave the recipe, or training and evaluation make different sizes. They cannot be "
        "stacked into a batch.",
        "Begin with `af.Resize((height, width))`, or end with a crop.",
    ),
    "AF503": (
        "Without `ToFloat`, `Normalize` or `PerImageStandardize` at its end, a recipe returns values of 0..255, from "
        "which most networks learn slowly or not at all. `augfuse train` adds `ToFloat` to such a recipe; `af.Loader` "
        "does not. Not reported for a model that scales its input itself.",
        "End the recipe with `af.ToFloat()`.",
    ),
    "AF504": (
        "A mirrored 3 is not a 3, a 6 upside down is a 9, a turn to the left becomes one to the right. Reported where "
        "classes are named like digits, letters or directions, and the recipe flips, or turns by more than 45 "
        "degrees. Arrays of ten numbered classes of gray images of 28x28 or 8x8 may hold digits or clothes: the "
        "message then holds only if they are digits or letters.",
        "Leave that transform out, unless such an image keeps its label.",
    ),
    "AF505": (
        "After `Normalize` the values of this data are far from mean 0 and standard deviation 1. Often its numbers "
        "were given for 0..255; they are fractions of full scale.",
        "The message has the numbers that fit this data.",
    ),
    "AF601": (
        "A sparse loss with one-hot labels, or the reverse; binary cross-entropy with several outputs and one label, "
        "or one output and one-hot rows. For image files it is a hint, because the loader decides: `one_hot=True`.",
        "Change the loss or the labels, as the message says.",
    ),
    "AF602": (
        "Fewer outputs than classes (error), or more (warning).",
        "End the model with one unit for each class; one sigmoid unit will do for two.",
    ),
    "AF603": (
        "A Keras `Normalization` layer whose mean is 0 and variance 1: `adapt` was not called, and the layer does "
        "nothing.",
        "Call `adapt` with training images, then train.",
    ),
    "AF604": (
        "The size or the channels that the model would be given are not those of its input.",
        "Resize in the recipe.",
    ),
    "AF605": (
        "Softmax over one unit is always 1. Probabilities given to a loss that expects logits, or the reverse, train "
        "badly and score wrongly.",
        "Make the two agree.",
    ),
    "AF606": (
        "The recipe scales the pixels, and so does a `Rescaling` or `Normalization` layer at the beginning of the "
        "model.",
        "Keep one of the two.",
    ),
    "AF607": (
        "The model was tested on the same images with the usual kinds of preprocessing: as given, divided by 255, "
        "scaled to -1..1, standardised with the mean and standard deviation of ImageNet, of this data or of each "
        "image, with red and blue swapped, and with other resize methods. Another kind than the present one is "
        "clearly better: more accurate by at least two points and three standard errors of the paired difference, or "
        "as accurate with a much lower loss (a warning). Larger input values make any model more confident, so losses "
        "are compared at the best temperature of each kind. Kinds that cannot be told apart are named, up to three of "
        "them; `--json` has more.",
        "Preprocess the images that way. `--limit` sets how many images are used for the test.",
    ),
    "AF608": (
        "With every kind of preprocessing the predictions agree with the classes no more than by chance (Cohen's "
        "kappa, 2.5 standard errors).",
        "Was it trained, and on these classes?",
    ),
    "AF609": (
        "The predictions are right once the classes are renumbered: the model was trained with another class order, "
        "for example that of another machine or of a list.",
        "`af.from_directory(path, classes=[...])` with the order of the training.",
    ),
    "AF610": (
        "Which preprocessing a model needs can only be seen from its predictions for images with known labels. That "
        "takes at least ten readable images, as many classes as the model has outputs, and a recipe that runs. The "
        "message says what was missing; AF607 to AF609 were not checked.",
        "Correct what the message names, then run the doctor again.",
    ),
    "AF701": (
        "A line, an XML file or an object of a JSON file holds an impossible value: a missing box, letters instead of "
        "numbers, a box whose right side lies left of its left one, an image that does not exist. `af.open` stops at "
        "the first one.",
        "Correct the file at the place that is named.",
    ),
    "AF702": (
        "An object is of a class that the list of classes (`categories`, `names`) does not have. `af.open` stops at "
        "it.",
        "Add the name, or correct the number. Tools that count from 1 write numbers that are one too high.",
    ),
    "AF703": (
        "A side of the box lies more than half a pixel outside. A recipe will cut it off; programs that check their "
        "input refuse the image. Often the image was scaled and its boxes were not, or width and height are mixed up.",
        "Look at some of them: `augfuse preview DATA`. Cut them at the border, or scale them with their image.",
    ),
    "AF704": (
        "A box of no width or no height: a click without a drag. Readers leave it out.",
        "Remove it, or draw it again.",
    ),
    "AF705": (
        "Two boxes of one class at the same place, to a hundredth of a pixel. A loss counts the object twice, and "
        "evaluation calls the second one missed.",
        "Remove one.",
    ),
    "AF706": (
        "The shorter side has fewer than 4 pixels. After resizing nothing is left of it.",
        "Check that they are meant. Train on larger images or on crops, or leave them out.",
    ),
    "AF707": (
        "A class of the list has no box in the part that is trained on: a model cannot learn it, and its score drags "
        "the mean down.",
        "Find images of it, or take it off the list.",
    ),
    "AF708": (
        "They have no box and no mask. As background they teach a detector what is not an object; an image whose "
        "annotation was forgotten teaches it the wrong thing.",
        "Look at some of them.",
    ),
    "AF709": (
        "A mask of another size than its image, or one that cannot be read. A loader stops at it.",
        "Make the mask anew. Never resize a mask with anything but nearest neighbours.",
    ),
    "AF710": (
        "A mask holds numbers that no class has: above the last class, or, where the classes are not known, numbers "
        "far apart, such as 0 and 255 for no and yes. 255 beside other numbers counts as a border that is not "
        "labelled. Losses want 0..k-1.",
        "Number the values anew, in all files alike: `mask = np.searchsorted([0, 255], mask)`.",
    ),
    "AF711": (
        "The two folders hold files of the same names: images and their masks, or images and the text or XML files "
        "with their boxes. As classes, a model would learn to tell photographs from masks.",
        "Type `af.from_pairs(images, masks)`, `af.from_yolo(images, labels, names)` or `af.from_voc(annotations, "
        "images)`. A folder of exactly `images` and `masks` is opened so by every command, and so is one of "
        "`Annotations` and `JPEGImages`.",
    ),
}
