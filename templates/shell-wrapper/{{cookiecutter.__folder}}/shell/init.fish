# What config.fish loads: the functions, and their completions.

function {{ cookiecutter.slug }}-configure --description 'Write the settings of the team, once'
    _{{ cookiecutter.slug }}-mfakit configure --region {{ cookiecutter.region }} --duration {{ cookiecutter.duration }} $argv
end

function {{ cookiecutter.slug }}-login --description 'Get a session for a code'
    _{{ cookiecutter.slug }}-mfakit login $argv
end

# If it fails, the environment stays as it is.
function {{ cookiecutter.slug }}-env --description 'Put the session into this shell; --unset takes it out'
    switch "$argv"
        case '' --unset
        case '*'
            echo '{{ cookiecutter.slug }}-env: it takes nothing, or --unset' >&2
            return 64
    end
    set -l fish_trace # tracing would show the keys
    set -l statements (_{{ cookiecutter.slug }}-mfakit env --shell fish $argv)
    or return
    string join \n -- $statements | source
end

function {{ cookiecutter.slug }}-exec --description 'Run a command with the session'
    test "$argv[1]" = --
    and set -e argv[1]
    _{{ cookiecutter.slug }}-mfakit exec -- $argv
end

# For a prompt: print the time that is left and a space, or nothing without a session or mfakit.
# It returns the exit code of the command before it, so that the prompt can show that afterwards.
function {{ cookiecutter.slug }}-prompt --description 'Print the time that the session has left'
    set -l code $status
    set -l left
    command -q mfakit
    and set left (_{{ cookiecutter.slug }}-mfakit status --short 2>/dev/null)
    and test -n "$left"
    and echo -n "$left "
    return $code
end

function _{{ cookiecutter.slug }}-mfakit
    command mfakit $argv[1] --profile {{ cookiecutter.__profile }} $argv[2..-1]
end

# mfakit's own completion does the work; it is loaded when it is first needed.
function _{{ cookiecutter.slug }}-complete
    functions -q _shtab_mfakit_using
    or command mfakit completion fish 2>/dev/null | source
    set -l words (commandline -opc)
    complete -C "mfakit $argv[1] "(string join ' ' -- (string escape -- $words[2..-1]) (commandline -ct))
end

complete -c {{ cookiecutter.slug }}-configure -f -a '(_{{ cookiecutter.slug }}-complete configure)'
complete -c {{ cookiecutter.slug }}-login -f -a '(_{{ cookiecutter.slug }}-complete login)'
complete -c {{ cookiecutter.slug }}-env -f -l unset -d 'Take the session out again'
complete -c {{ cookiecutter.slug }}-exec -x -a '(__fish_complete_subcommand)'
