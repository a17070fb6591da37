"""The built site in a real browser, at the width of a phone and of a desk."""

from __future__ import annotations

import pytest
from tests.site.conftest import ROOT, pages

WIDTHS = {"phone": (360, 740), "desk": (1280, 900)}
SHOTS = ROOT / "build" / "screenshots"
# Of what sticks out to the right and cannot be scrolled within something of its own.
STICKING_OUT = """
const inside = e => { for (e = e.parentElement; e; e = e.parentElement)
  if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX)) return true;
  return false; };
return [...document.querySelectorAll("article *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !inside(e))
  .map(e => e.tagName + ": " + e.textContent.slice(0, 60));
"""
SHOWN = ("index.html", "reference/commands.html", "explanation/precedence.html")


def resize(browser, width: int, height: int, *, mobile: bool) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


@pytest.mark.parametrize("device", WIDTHS)
def test_no_page_scrolls_sideways(browser, url: str, device: str) -> None:
    """Tables and code scroll within themselves, and a screenshot of a page of each kind is kept."""
    resize(browser, *WIDTHS[device], mobile=device == "phone")
    SHOTS.mkdir(parents=True, exist_ok=True)
    wide = {}
    for page in pages():
        browser.get(f"{url}/{page}")
        over = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        sticking = browser.execute_script(STICKING_OUT)
        if over > 0 or sticking:
            wide[page] = (over, sticking[:3])
        if page in SHOWN or page.startswith(("how-to", "tutorial")):
            browser.save_screenshot(str(SHOTS / f"{device}-{page.replace('/', '-')}.png"))
    assert wide == {}


def test_no_page_uses_the_network(browser, url: str) -> None:
    """No script fails, either."""
    for page in pages():
        browser.get(f"{url}/{page}")
        script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
        loaded = browser.execute_script(script)
        assert [name for name in loaded if not name.startswith((url, "data:"))] == []
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("min-remaining", "reference/commands.html"),
        ("会话", "zh-CN/tutorial/first-session.html"),
        ("收到通知", "zh-CN/how-to/be-told-before-it-ends.html"),
        ("用make", "zh-CN/how-to/make-and-data-frames.html"),
    ],
)
def test_the_search_finds_a_word_in_both_languages(
    browser, url: str, words: str, page: str
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    resize(browser, *WIDTHS["desk"], mobile=False)
    browser.get(f"{url}/index.html")
    browser.find_element(By.CSS_SELECTOR, "input[name=q]").send_keys(words, Keys.ENTER)
    WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, f"#search-results a[href*='{page}']")
    )
    browser.save_screenshot(str(SHOTS / "desk-search.png"))


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("vscode", "how-to/editors-and-notebooks.html"),
        ("pycharm", "how-to/editors-and-notebooks.html"),
        ("jupyter", "how-to/editors-and-notebooks.html"),
        ("docker", "how-to/docker.html"),
        ("devcontainer", "how-to/docker.html"),
        ("rotate", "how-to/rotate-a-key.html"),
        ("lost phone", "how-to/enrol-a-device.html"),
        ("mock_aws", "how-to/come-from-mock-aws.html"),
        ("proxy", "how-to/proxies-and-cas.html"),
        ("claude", "how-to/coding-agents.html"),
        ("terraform", "how-to/terraform-cdk-pulumi.html"),
        ("keychain", "how-to/keys-out-of-plain-text.html"),
        ("granted", "explanation/which-tool.html"),
        ("powerlevel10k", "how-to/direnv-and-starship.html"),
        ("oh-my-zsh", "how-to/direnv-and-starship.html"),
        ("windows", "how-to/windows-and-wsl.html"),
        ("wsl", "how-to/windows-and-wsl.html"),
        ("powershell", "how-to/windows-and-wsl.html"),
        ("make", "how-to/make-and-data-frames.html"),
        ("makefile", "how-to/make-and-data-frames.html"),
        ("pandas", "how-to/make-and-data-frames.html"),
        ("polars", "how-to/make-and-data-frames.html"),
        ("InvalidToken", "how-to/make-and-data-frames.html"),
        ("轮换", "zh-CN/how-to/rotate-a-key.html"),
        ("丢失手机", "zh-CN/how-to/enrol-a-device.html"),
        ("手机 丢失", "zh-CN/how-to/enrol-a-device.html"),
        ("容器", "zh-CN/how-to/docker.html"),
        ("docker", "zh-CN/how-to/docker.html"),
        ("polars", "zh-CN/how-to/make-and-data-frames.html"),
    ],
)
def test_the_search_shows_the_right_page_first(browser, url: str, words: str, page: str) -> None:
    """Each language has a search of its own, which shows the pages in that language first."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    search = "zh-CN-search.html" if page.startswith("zh-CN/") else "search.html"
    browser.get(f"{url}/{search}?q={words.replace(' ', '+')}")
    first = WebDriverWait(browser, 20).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, "#search-results li:first-child a")
    )[0]
    # results come one after the other, each at its place
    assert first.get_attribute("href").startswith(f"{url}/{page}")


def test_a_search_on_a_chinese_page_is_in_chinese(browser, url: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    resize(browser, *WIDTHS["desk"], mobile=False)
    browser.get(f"{url}/zh-CN/tutorial/first-session.html")
    browser.find_element(By.CSS_SELECTOR, "input[name=q]").send_keys("轮换", Keys.ENTER)
    WebDriverWait(browser, 20).until(
        lambda _: "搜索完成" in browser.find_element(By.ID, "search-results").text
    )
    assert "Search" not in browser.find_element(By.TAG_NAME, "body").text


def test_the_menu_on_a_phone_leads_to_every_page(browser, url: str) -> None:
    from selenium.webdriver.common.by import By

    resize(browser, *WIDTHS["phone"], mobile=True)
    browser.get(f"{url}/index.html")
    browser.find_element(By.CSS_SELECTOR, "label.nav-overlay-icon").click()
    links = browser.find_elements(By.CSS_SELECTOR, ".sidebar-tree a")
    led_to = {
        link.get_attribute("href").removeprefix(f"{url}/").partition("#")[0] for link in links
    }
    own = {"index.html", "search.html", "zh-CN-search.html", "genindex.html", "py-modindex.html"}
    assert {page for page in pages() if not page.startswith("_")} - own <= led_to
