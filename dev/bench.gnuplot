# rbd-rest-api: Ceph block storage over HTTP
# SPDX-License-Identifier: Apache-2.0

# Plots the summary of `rbd-bench report`. dev/bench sets `directory` and `store`.

set terminal svg size 860,560 font "sans-serif,13" background "white"
set datafile separator ","
set logscale x
set grid
set key below
set colorsequence podo
set xlabel "images in the pool"
set style data linespoints

summary = directory . "/summary.csv"
contestants = "'Dashboard page of 100' 'rbd ls -l' 'python3-rbd 16 threads' 'rbd-rest-api first list' 'rbd-rest-api' 'rbd-rest-api NDJSON' 'bare librbd'"
# Columns: 1 store, 2 workload, 3 images, 4 clients, 5 quantity, 6 unit, 7 contestant, 8 min, 9 median, 10 max, 11 samples.
is(quantity, contestant) = \
    strcol(1) eq store && strcol(2) eq "list" && strcol(5) eq quantity && strcol(7) eq contestant
median_of(quantity, contestant) = is(quantity, contestant) ? column(9) : NaN
least_of(quantity, contestant) = is(quantity, contestant) ? column(8) : NaN
greatest_of(quantity, contestant) = is(quantity, contestant) ? column(10) : NaN
label_of(contestant) = contestant eq "Dashboard page of 100" ? "Dashboard (from pages of 100)" : contestant
# Rows of other contestants must not interrupt a line.
set datafile missing NaN

set logscale y
set output directory . "/list-" . store . ".svg"
set title "A list of all images with details (" . store . ", median)"
set ylabel "seconds"
set format y "%g"
plot for [name in contestants] summary using 3:(median_of("per image", name) * column(3) / 1e6) pt 7 ps 0.6 lw 2 title label_of(name)

set output directory . "/cost-" . store . ".svg"
set title "The cost of one image in a list of all (" . store . ", min, median, max)"
set ylabel "microseconds per image"
plot for [i=1:words(contestants)] name=word(contestants, i) summary \
    using 3:(median_of("per image", name)):(least_of("per image", name)):(greatest_of("per image", name)) \
    with yerrorbars pt 7 ps 0.5 lc i notitle, \
    for [i=1:words(contestants)] name=word(contestants, i) summary \
    using 3:(median_of("per image", name)) pt 7 ps 0.6 lw 2 lc i title label_of(name)

unset logscale y
set yrange [0:*]
set output directory . "/memory-" . store . ".svg"
set title "The service's memory over lists of all images (" . store . ", peak minus what it held before)"
set ylabel "MB"
plot summary using 3:(median_of("memory growth", "rbd-rest-api")) pt 7 ps 0.6 lw 2 title "rbd-rest-api"
