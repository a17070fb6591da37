# What ~/.bashrc loads: the functions, and their completions.

# shellcheck source=shell/functions.sh
. "${BASH_SOURCE[0]%/*}/functions.sh"

# mfakit's own completion does the work; it is loaded when it is first needed.
_{{ cookiecutter.slug }}-complete() {
    declare -F _shtab_mfakit >/dev/null || eval "$(command mfakit completion bash)"
    COMP_WORDS=(mfakit "${1##*-}" "${COMP_WORDS[@]:1}")
    ((COMP_CWORD++))
    _shtab_mfakit
} 2>/dev/null

complete -o bashdefault -F _{{ cookiecutter.slug }}-complete {{ cookiecutter.slug }}-configure {{ cookiecutter.slug }}-login
complete -W --unset {{ cookiecutter.slug }}-env
complete -A command -A file {{ cookiecutter.slug }}-exec
