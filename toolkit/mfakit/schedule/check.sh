#!/bin/sh
# Is the AWS session in the credentials file valid, due for renewal, or expired?
#
#     check.sh [--warn TIME] [PROFILE | --all]
#
# For hosts on which nothing can be installed: it needs sh, awk and date. It says what
# `mfakit check` says, and exits as monitoring plugins do: 0 valid, 1 due for renewal, 2 expired,
# 3 anything else. PROFILE is the profile that holds the session, by default mfa; --all looks at
# every session in the file, and exits with the worst. TIME is 1800, 30m or 1h30m.
#
# In a crontab, to be told by mail when the session is due:
#
#     */5 * * * * out=$(/usr/local/bin/check.sh mfa 2>&1) || echo "$out"
#
# No secret is shown or passed on: awk reads the file itself. What cannot be known here is when a
# session was made, so of one shorter than two hours, too, the last 30 minutes count as due; and
# which sessions are kept elsewhere. Letters beyond ASCII are shown as \x...
set -u

usage='usage: check.sh [--warn TIME] [PROFILE | --all]'

wrong_usage() {
    printf 'check.sh: %s\n%s\n' "$1" "$usage" >&2
    exit 3
}

profile='' all='' warn=30m
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) printf '%s\n' "$usage" && exit 0 ;;
        --all) all=yes ;;
        --warn=*) warn=${1#*=} ;;
        --warn) [ $# -gt 1 ] || wrong_usage '--warn needs a time, such as 30m'
                shift
                warn=$1 ;;
        -*) wrong_usage "no such option: $1" ;;
        *) [ -z "$profile" ] || wrong_usage 'one profile at a time, or --all'
           profile=$1 ;;
    esac
    shift
done
[ -z "$all" ] || [ -z "$profile" ] || wrong_usage 'a profile, or --all'

# Only what every awk has: no [:digit:] and no {2} in patterns, no strftime.
# shellcheck disable=SC2016
program='
BEGIN {
    BLANKS = "[ \t\013\014\034-\037]+"
    CONTROL = "[\001-\037\177]"
    NN = "[0-9][0-9]"
    DAY = 86400
    LOGIN = "log in first"
    UNITS["d"] = DAY; UNITS["h"] = 3600; UNITS["m"] = 60; UNITS["s"] = UNITS[""] = 1
    CODES["valid"] = 0; CODES["expiring"] = 1; CODES["expired"] = 2; CODES["unknown"] = 3
    RANK["valid"] = 0; RANK["unknown"] = 1; RANK["expiring"] = 2; RANK["expired"] = 3
    split("aws_credential_expiration expiration x_security_token_expires aws_expiration aws_session_expiration", SPELLINGS)
    for (number = 1; number < 256; number++) ORD[sprintf("%c", number)] = number

    now = epoch(ENVIRON["CHECK_NOW"])
    if (now == "") fail("cannot tell the time", "see what date prints")
    warn = duration(ENVIRON["CHECK_WARN"])
    file = credentials_path()
    read_file()
    exit 10 + (ENVIRON["CHECK_ALL"] ? check_all() : check(ENVIRON["CHECK_PROFILE"]))
}

function fail(problem, hint) {
    print "check.sh: " shown(problem)
    print "check.sh: try: " shown(hint)
    exit 20
}

# ---- The file. Its lines are seen as configparser sees them, which is what botocore reads with: a
# line that is indented deeper than the key above it belongs to the value of that key; # and ; start
# a comment only at the start of a line; the keys of [DEFAULT] are in every section. A file in which
# a section or a key comes twice cannot be read.

function credentials_path(    text, path, name) {
    text = ENVIRON["AWS_SHARED_CREDENTIALS_FILE"]
    if (text == "") text = "~/.aws/credentials"
    while (match(text, /[$]([A-Za-z0-9_]+|[{][^}]*[}])/)) {
        name = substr(text, RSTART + 1, RLENGTH - 1)
        gsub(/[{}]/, "", name)
        path = path substr(text, 1, RSTART - 1)
        path = path (name in ENVIRON ? ENVIRON[name] : substr(text, RSTART, RLENGTH))
        text = substr(text, RSTART + RLENGTH)
    }
    path = path text
    if (path !~ /^~/) return path
    if (path !~ /^~\// || ENVIRON["HOME"] == "")
        fail("there is no home to look for " path " in", "set HOME, and try again")
    return ENVIRON["HOME"] substr(path, 2)
}

function read_file() {
    if (read_lines() < 0) fail("cannot read " file, "log in first, or see who may read it")
    if (count) return
    system("sleep 1")  # many tools empty the file before they write it anew
    read_lines()
}

function read_lines(    status, line, part, parts, i) {
    while ((status = (getline line < file)) > 0) {
        parts = split(line, part, "\r")
        if (parts > 1 && part[parts] == "") parts--
        if (!parts) count++
        for (i = 1; i <= parts; i++) read_line(part[i])
    }
    close(file)
    return status
}

function read_line(line,    text, indent) {
    count++
    text = line
    sub("^" BLANKS, "", text)
    indent = length(line) - length(text)
    sub(BLANKS "$", "", text)
    if (text == "" || text ~ /^[#;]/) return
    if (key != "" && indent > key_indent) {
        if (values[section, key] ~ /^(\n|$)/ && text !~ /=/)
            junk("this line is indented, and not `key = value`")
        values[section, key] = values[section, key] "\n" text
        return
    }
    key_indent = indent
    if (match(text, /^\[.+\]/)) read_header(substr(text, 2, RLENGTH - 2))
    else read_key(text)
}

function read_header(name) {
    if (name in headers && name != "DEFAULT") junk("the section [" name "] is there twice")
    headers[name] = 1
    section = name
    key = ""
    if (name == "DEFAULT") return
    names[++sections] = name
    known[name] = 1
}

function read_key(text,    sign) {
    if (count == 1 && text ~ /^\357\273\277/)
        junk("there is a byte-order mark before this line")
    if (!(section in headers)) junk("there is no section above this line")
    sign = match(text, /[=:]/)
    key = tolower(stripped(substr(text, 1, sign - 1)))
    if (key == "") junk("this line is neither a section nor `key = value`")
    if ((section, key) in values) junk("the key " key " is there twice")
    values[section, key] = stripped(substr(text, sign + 1))
}

function junk(problem) {
    fail("botocore cannot read " file ", line " count ": " problem, "mend that line by hand")
}

# ---- The verdict.

function check(profile,    problem) {
    if (!(profile in known)) fail("there is no profile " quoted(profile) " in " file, LOGIN)
    if (!is_session(profile)) {
        problem = has_keys(profile) ? "long-term credentials, no session" : "no session"
        fail("the profile " quoted(profile) " holds " problem, LOGIN)
    }
    problem = defect(profile)
    if (problem) fail("the profile " quoted(profile) " can\047t be used: " problem, LOGIN)
    judge(profile)
    print shown(profile) ": " state ", " when
    return CODES[state]
}

function check_all(    i, worst) {
    worst = "valid"
    for (i = 1; i <= sections; i++) {
        if (!is_session(names[i])) continue
        judge(names[i])
        if (RANK[state] > RANK[worst]) worst = state
        add_row(shown(names[i]))
    }
    if (!rows) fail("there is no session in " file, LOGIN)
    print_rows()
    return CODES[worst]
}

# Leaves what it finds in `state` and `when`.
function judge(profile,    end, left) {
    end = defect(profile) ? "" : expiration(profile)
    state = "unknown"
    when = "when it ends is not known"
    if (end == "") return
    left = end - now
    state = left <= 0 ? "expired" : left < warn ? "expiring" : "valid"
    when = left <= 0 ? "ended " in_words(-floor(left)) " ago" : "ends in " in_words(floor(left))
    when = when " (" rfc_3339(end) ")"
}

function is_session(profile) {
    return token(profile) != "" && value(profile, "aws_access_key_id") ~ /^ASIA/
}

function has_keys(profile) {
    return value(profile, "aws_access_key_id") value(profile, "aws_secret_access_key") != ""
}

function defect(profile,    secret, part) {
    secret = value(profile, "aws_secret_access_key")
    if (secret == "") return "the session has no secret access key"
    if (value(profile, "aws_access_key_id") ~ CONTROL) part = "access key id"
    else if (secret ~ CONTROL) part = "secret access key"
    else if (token(profile) ~ CONTROL) part = "session token"
    return part == "" ? "" : "the session\047s " part " has a control character"
}

function token(profile,    older) {
    older = value(profile, "aws_security_token")
    return older == "" ? value(profile, "aws_session_token") : older
}

# The earliest that any spelling tells, or "".
function expiration(profile,    i, end, earliest) {
    for (i in SPELLINGS) {
        end = epoch(value(profile, SPELLINGS[i]), meaning_of(profile, SPELLINGS[i]))
        if (end != "" && (earliest == "" || end < earliest)) earliest = end
    }
    return earliest
}

# What a time without a zone is: aws-mfa writes UTC, and always whether a role was assumed; awsume
# mostly writes local time, and always its name. Of any other the earlier of the two counts.
function meaning_of(profile, spelling,    by_aws_mfa, by_awsume) {
    by_aws_mfa = (profile, "assumed_role") in values || ("DEFAULT", "assumed_role") in values
    by_awsume = value(profile, "manager") == "awsume"
    if (spelling != "expiration" || by_aws_mfa == by_awsume) return "either"
    return by_aws_mfa ? "UTC" : "local"
}

function value(profile, name) {
    if ((profile, name) in values) return values[profile, name]
    return ("DEFAULT", name) in values ? values["DEFAULT", name] : ""
}

# ---- Times, in seconds since 1970.

# Reads RFC 3339, and what is like it: 2026-11-22 18:00:00 UTC, 20261122T180000+08. Else gives "".
function epoch(text, meaning,    date, rest, days, time, zone, offset) {
    text = toupper(stripped(text))
    sub("(" BLANKS ")?UTC$", "Z", text)
    if (!match(text, "^" NN NN "-" NN "-" NN) && !match(text, "^" NN NN NN NN)) return ""
    date = substr(text, 1, RLENGTH)
    rest = substr(text, RLENGTH + 2)
    if (rest == "" && text != date) return ""
    gsub(/-/, "", date)
    days = day_number(substr(date, 1, 4) + 0, substr(date, 5, 2) + 0, substr(date, 7) + 0)
    if (match(rest, /[Z+-]/)) {
        zone = substr(rest, RSTART)
        rest = substr(rest, 1, RSTART - 1)
        if (rest == "" || zone ~ /^Z./) return ""
    }
    time = rest == "" ? 0 : clock(rest)
    offset = zone == "" || zone == "Z" ? 0 : clock(substr(zone, 2))
    if (days == "" || time == "" || offset == "") return ""
    time += days * DAY
    if (zone == "") return without_zone(time, meaning)
    return zone ~ /^-/ ? time + offset : time - offset
}

function clock(text,    fraction) {
    if (match(text, /[.,][0-9]+$/) && RSTART > 6) {
        fraction = substr(text, RSTART + 1, 6)
        text = substr(text, 1, RSTART - 1)
    }
    if (text !~ "^" NN "(:" NN "(:" NN ")?)?$" && text !~ "^" NN "(" NN "(" NN ")?)?$") return ""
    gsub(/:/, "", text)
    if (substr(text, 1, 2) > "23" || substr(text, 3, 2) > "59" || substr(text, 5) > "59") return ""
    return substr(text, 1, 2) * 3600 + substr(text, 3, 2) * 60 + substr(text, 5) + ("0." fraction)
}

function without_zone(time, meaning,    here) {
    if (meaning == "UTC") return time
    here = as_local(time)
    # awsume writes UTC, too, and does not say so: between the two, nobody can know
    if (meaning == "local" && time < here && time <= now) return here <= now ? here : ""
    return here < time ? here : time
}

# By the offset of the day before or of the day after. When clocks are set back an hour comes twice,
# and when they are set forward one is left out: the earlier reading counts.
function as_local(time,    before, after, earlier, later) {
    before = time - local_offset(time - DAY)
    after = time - local_offset(time + DAY)
    earlier = before < after ? before : after
    later = before < after ? after : before
    if (earlier + local_offset(earlier) != time && later + local_offset(later) == time) return later
    return earlier
}

# Only date knows the time zones, and each date has its own way to be asked; in / there is no file
# whose time -r could mean. Where no way works, it is the earliest time that any place could mean.
function local_offset(time,    command, answer) {
    command = sprintf("cd / && (date -r %.0f +%%z || date -d @%.0f +%%z) 2>/dev/null", time, time)
    command | getline answer
    close(command)
    if (answer !~ "^[+-]" NN NN "$") return 14 * 3600
    return (substr(answer, 1, 1) "1") * (substr(answer, 2, 2) * 3600 + substr(answer, 4) * 60)
}

# The days since 1970; "" if there is no such day. The year begins in March here, so that the day
# that is not always there is its last.
function day_number(year, month, day) {
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31) return ""
    if (day > 28 && month != 12 && day > day_number(year, month + 1, 1) - day_number(year, month, 1))
        return ""
    if (month < 3) {
        year--
        month += 12
    }
    return 365 * year + int(year / 4) - int(year / 100) + int(year / 400) \
        + int((153 * (month - 3) + 2) / 5) + day - 719469
}

function rfc_3339(time,    days, year, month) {
    days = floor(time / DAY)
    time = floor(time) - days * DAY
    year = floor(1970 + days / 366)
    while (day_number(year + 1, 1, 1) <= days) year++
    month = 1
    while (month < 12 && day_number(year, month + 1, 1) <= days) month++
    return sprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, \
        days - day_number(year, month, 1) + 1, time / 3600, time % 3600 / 60, time % 60)
}

function duration(text,    rest, seconds, number) {
    rest = stripped(text)
    if (rest == "" || rest !~ /^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s?)?$/)
        fail("not a duration: " quoted(text), "write it as 900 (seconds), 15m, 12h or 1h30m")
    while (match(rest, /^[0-9]+/)) {
        number = substr(rest, 1, RLENGTH)
        seconds += number * UNITS[substr(rest, RLENGTH + 1, 1)]
        rest = substr(rest, RLENGTH + 2)
    }
    return seconds
}

# In the two largest units, rounded down: 11h59m.
function in_words(seconds,    i, unit, number, parts, text) {
    for (i = 1; i <= 4; i++) {
        unit = substr("dhms", i, 1)
        number = int(seconds / UNITS[unit])
        seconds -= number * UNITS[unit]
        if (number && ++parts <= 2) text = text number unit
    }
    return text == "" ? "0s" : text
}

function floor(number) {
    return int(number) > number ? int(number) - 1 : int(number)
}

# ---- Words.

function stripped(text) {
    sub("^" BLANKS, "", text)
    sub(BLANKS "$", "", text)
    return text
}

# What stands in a file must not steer the terminal.
function shown(text,    i, letter, safe) {
    for (i = 1; i <= length(text); i++) {
        letter = substr(text, i, 1)
        safe = safe (letter >= " " && letter <= "~" ? letter : sprintf("\\x%02x", ORD[letter]))
    }
    return safe
}

function quoted(text) {
    return "\047" text "\047"
}

function add_row(profile) {
    cells[++rows, 1] = profile
    cells[rows, 2] = "credentials-file"
    cells[rows, 3] = state
    cells[rows, 4] = when
}

# One line needs no columns.
function print_rows(    i, column, widths) {
    if (rows == 1) {
        print cells[1, 1] ": " state ", " when
        return
    }
    for (i = 1; i <= rows; i++)
        for (column = 1; column < 4; column++)
            if (length(cells[i, column]) > widths[column]) widths[column] = length(cells[i, column])
    for (i = 1; i <= rows; i++) {
        for (column = 1; column < 4; column++)
            printf "%-" widths[column] "s  ", cells[i, column]
        print cells[i, 4]
    }
}
'

# All in the environment, since awk would read a backslash in an assignment as an escape.
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
said=$(
    CHECK_PROFILE=${profile:-mfa} CHECK_ALL=$all CHECK_WARN=$warn CHECK_NOW=$now LC_ALL=C \
        awk "$program"
)
status=$?
# What awk exits with when it fails itself must not pass for a verdict.
case $status in
    1[0-3]) printf '%s\n' "$said" || status=13 ;;
    *) [ -z "$said" ] || printf '%s\n' "$said" >&2
       status=13 ;;
esac
exit $((status - 10))
